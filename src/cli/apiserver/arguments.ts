/** Arguments in the syntax of pflag, with its error texts. */
import { parseDuration } from "../../apimachinery/index.ts";
import { type Flag, parseBool, type Settings, settingsFrom } from "../flag-table.ts";
import { flags, repeated } from "./flags.ts";

/** What separates values of a flag that is given several times. */
const separator = "\n";

export interface ApiServerSettings extends Settings {
  /** Of a flag that may be given several times: all its values. */
  all(name: string): readonly string[];
}

/** `--name=value`, `--name value`, `--switch`, `-v 4`, `-v=4`. @throws Error with pflag's text */
export function parseArguments(args: readonly string[]): ApiServerSettings {
  const values = new Map<string, string>();
  const positional: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] as string;
    if (argument === "--") {
      positional.push(...args.slice(i + 1));
      break;
    }
    const [, dashes = "", name, inline] = /^(--?)([^-=][^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === undefined) {
      if (argument.startsWith("-") && argument !== "-") throw new Error(`bad flag syntax: ${argument}`);
      positional.push(argument);
      continue;
    }
    if (dashes === "-" && name !== "v")
      throw new Error(
        `unknown shorthand flag: ${JSON.stringify(name[0]).replaceAll('"', "'")} in ${argument}`,
      );
    const known = flags.get(name);
    if (known === undefined) throw new Error(`unknown flag: --${name}`);
    let value = inline;
    if (value === undefined && known.kind === "boolean") value = "true";
    if (value === undefined) {
      i++;
      value = args[i];
      if (value === undefined) throw new Error(`flag needs an argument: --${name}`);
    }
    checkValue(name, known, value);
    add(values, name, known, value);
  }
  if (positional.length > 0)
    throw new Error(
      `"kube-apiserver" does not take any arguments, got [${positional.map((one) => JSON.stringify(one)).join(" ")}]`,
    );
  const settings = settingsFrom(flags, values);
  return {
    ...settings,
    all: (name) =>
      settings
        .text(name)
        .split(separator)
        .filter((value) => value !== ""),
  };
}

function add(values: Map<string, string>, name: string, known: Flag, value: string): void {
  const before = values.get(name);
  if (before !== undefined && repeated.has(name)) values.set(name, `${before}${separator}${value}`);
  else if (before !== undefined && known.kind === "list") values.set(name, `${before},${value}`);
  else values.set(name, value);
}

function checkValue(name: string, { kind }: Flag, value: string): void {
  const quoted = JSON.stringify(value);
  const refuse = (why: string): Error => new Error(`invalid argument ${quoted} for "--${name}" flag: ${why}`);
  if (kind === "boolean" && parseBool(value) === undefined)
    throw refuse(`strconv.ParseBool: parsing ${quoted}: invalid syntax`);
  if (kind === "number" && !/^[+-]?\d{1,15}$/.test(value))
    throw refuse(`strconv.ParseInt: parsing ${quoted}: invalid syntax`);
  if (kind === "duration" && parseDuration(value) === undefined)
    throw refuse(`time: invalid duration ${quoted}`);
}
