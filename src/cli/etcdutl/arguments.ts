/** Arguments as cobra finds a command in them, and pflag reads the rest, with their error texts. */
import { parseBool } from "../../base/index.ts";
import type { UtlCommand, UtlFlag, UtlFlags } from "./command.ts";

/** From the root to the command that is meant, and what else stands there. */
export interface Found {
  readonly path: readonly UtlCommand[];
  readonly rest: readonly string[];
}

/** Commands may be cut short where it is clear which one is meant. `shared`: flags that every command has. */
export function findCommand(root: UtlCommand, shared: readonly UtlFlag[], args: readonly string[]): Found {
  const path = [root];
  let rest = [...args];
  for (;;) {
    const command = path.at(-1) as UtlCommand;
    const at = firstOperand(rest, [...(command.flags ?? []), ...shared]);
    const next = at === undefined ? undefined : named(command.commands ?? [], rest[at] as string);
    if (at === undefined || next === undefined) return { path, rest };
    path.push(next);
    rest = rest.toSpliced(at, 1);
  }
}

function named(commands: readonly UtlCommand[], word: string): UtlCommand | undefined {
  const exact = commands.find(({ name }) => name === word);
  if (exact !== undefined) return exact;
  const begun = commands.filter(({ name }) => name.startsWith(word));
  return begun.length === 1 ? begun[0] : undefined;
}

/** Where the first argument stands that is neither a flag nor the value of one, before it is known which flags there are. */
export function firstOperand(args: readonly string[], flags: readonly UtlFlag[]): number | undefined {
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] as string;
    if (argument === "--") return undefined;
    if (!argument.startsWith("-")) return argument === "" ? undefined : i;
    const standsAlone = (known: UtlFlag | undefined) => known?.kind === "bool";
    if (argument.startsWith("--")) {
      if (argument.includes("=") || argument === "--help") continue;
      if (!standsAlone(flags.find(({ name }) => name === argument.slice(2)))) i++;
    } else if (argument.length === 2 && argument !== "-h") {
      if (!standsAlone(flags.find(({ shorthand }) => shorthand === argument[1]))) i++;
    }
  }
  return undefined;
}

export interface Parsed {
  readonly help: boolean;
  readonly operands: readonly string[];
  readonly flags: UtlFlags;
  readonly isSet: (name: string) => boolean;
}

/** `--name=value`, `--name value`, `--switch`, `-w json`, `-wjson`, `-w=json`, before and behind operands. @throws Error with pflag's text */
export function parseArguments(known: readonly UtlFlag[], args: readonly string[]): Parsed {
  const values = new Map<string, string>();
  const operands: string[] = [];
  let help = false;
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] as string;
    if (argument === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      operands.push(argument);
      continue;
    }
    if (argument === "--help" || argument === "-h") {
      help = true;
      continue;
    }
    const take = () => {
      i++;
      return args[i];
    };
    const [flag, value] = argument.startsWith("--")
      ? longFlag(known, argument, take)
      : shortFlag(known, argument, take);
    checkValue(flag, value);
    values.set(flag.name, value);
  }
  const defaults = new Map(known.map(({ name, default: value }) => [name, value]));
  return {
    help,
    operands,
    flags: (name) => values.get(name) ?? defaults.get(name) ?? "",
    isSet: (name) => values.has(name),
  };
}

function longFlag(
  known: readonly UtlFlag[],
  argument: string,
  take: () => string | undefined,
): [UtlFlag, string] {
  const [, name = "", inline] = /^--([^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
  if (name === "" || name.startsWith("-")) throw new Error(`bad flag syntax: ${argument}`);
  const flag = known.find((one) => one.name === name);
  if (flag === undefined) throw new Error(`unknown flag: --${name}`);
  const value = inline ?? (flag.kind === "bool" ? "true" : take());
  if (value === undefined) throw new Error(`flag needs an argument: --${name}`);
  return [flag, value];
}

function shortFlag(
  known: readonly UtlFlag[],
  argument: string,
  take: () => string | undefined,
): [UtlFlag, string] {
  const letter = argument[1] as string;
  const flag = known.find(({ shorthand }) => shorthand === letter);
  if (flag === undefined) throw new Error(`unknown shorthand flag: '${letter}' in ${argument}`);
  const value = argument.length > 2 ? argument.slice(2).replace(/^=/, "") : take();
  if (value === undefined) throw new Error(`flag needs an argument: '${letter}' in ${argument}`);
  return [flag, value];
}

const largest = { int: 2n ** 63n - 1n, uint: 2n ** 64n - 1n };

function checkValue({ name, shorthand, kind }: UtlFlag, value: string): void {
  if (kind === "string") return;
  const quoted = JSON.stringify(value);
  const parser = { bool: "ParseBool", int: "ParseInt", uint: "ParseUint" }[kind];
  const refuse = (why: string) => {
    const shown = shorthand === undefined ? `--${name}` : `-${shorthand}, --${name}`;
    return new Error(
      `invalid argument ${quoted} for "${shown}" flag: strconv.${parser}: parsing ${quoted}: ${why}`,
    );
  };
  if (kind === "bool") {
    if (parseBool(value) === undefined) throw refuse("invalid syntax");
    return;
  }
  if (!(kind === "int" ? /^[+-]?\d{1,30}$/ : /^\d{1,30}$/).test(value)) throw refuse("invalid syntax");
  const number = BigInt(value.replace(/^\+/, ""));
  if (number > largest[kind] || number < -largest.int - 1n) throw refuse("value out of range");
}
