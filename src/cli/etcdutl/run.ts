/** `etcdutl` as etcd 3.6 has it: cobra's ways of finding a command and of saying what is wrong, and its exit statuses. */
import { findCommand, firstOperand, type Parsed, parseArguments } from "./arguments.ts";
import { type UtlCommand, UtlError } from "./command.ts";
import { etcdutl, sharedFlags } from "./commands.ts";
import { usageOf } from "./usage.ts";

/** Ends the process with status 1 or another where something is wrong. */
export async function runEtcdutl(args: readonly string[]): Promise<void> {
  // Whoever reads our output may have seen enough.
  process.stdout.on("error", () => process.exit(0));
  const { path, rest } = findCommand(etcdutl, sharedFlags, args);
  const command = path.at(-1) as UtlCommand;
  const usage = usageOf(path, sharedFlags);
  let parsed: Parsed;
  try {
    parsed = checked(path, rest);
  } catch (error) {
    const { message } = error as Error;
    // As cobra says it, and then main once more.
    const then = error instanceof UnknownCommand ? `Run '${etcdutl.name} --help' for usage.\n` : `${usage}\n`;
    process.stderr.write(`Error: ${message}\n${then}Error: ${message}\n`);
    process.exitCode = 1;
    return;
  }
  if (command.name === "help" && !parsed.help) return help(parsed.operands);
  if (parsed.help || command.run === undefined) return void process.stdout.write(usage);
  try {
    await command.run(parsed.operands, parsed.flags);
  } catch (error) {
    process.stderr.write(`Error: ${messageOf(error)}\n`);
    process.exitCode = error instanceof UtlError ? error.status : 1;
  }
}

/** Go has its own way of saying what became of a file; and what servers of etcd put before a refusal, etcdutl, which asks none, does not. */
function messageOf(error: unknown): string {
  const { message, code, syscall, path } = error as NodeJS.ErrnoException;
  const why = reasons[code ?? ""];
  return why === undefined || syscall === undefined
    ? message.replace(/^etcdserver: /, "")
    : `${syscall} ${path ?? ""}: ${why}`;
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
};

class UnknownCommand extends Error {}

/** @throws Error, UnknownCommand */
function checked(path: readonly UtlCommand[], rest: readonly string[]): Parsed {
  const command = path.at(-1) as UtlCommand;
  const flags = [...(command.flags ?? []), ...sharedFlags];
  const names = path.map(({ name }) => name).join(" ");
  const unknown = path.length === 1 ? firstOperand(rest, flags) : undefined;
  if (unknown !== undefined)
    throw new UnknownCommand(`unknown command ${JSON.stringify(rest[unknown])} for ${JSON.stringify(names)}`);
  const parsed = parseArguments(flags, rest);
  if (parsed.help) return parsed;
  const { operands, isSet } = parsed;
  const [first] = operands;
  if (command.argumentCount !== undefined && operands.length !== command.argumentCount)
    throw new Error(`accepts ${command.argumentCount} arg(s), received ${operands.length}`);
  if (command.choices !== undefined && !command.choices.includes(first ?? ""))
    throw new Error(`invalid argument ${JSON.stringify(first)} for ${JSON.stringify(names)}`);
  const missing = flags.filter(({ name, required }) => required === true && !isSet(name));
  if (missing.length > 0)
    throw new Error(`required flag(s) ${missing.map(({ name }) => JSON.stringify(name)).join(", ")} not set`);
  return parsed;
}

function help(topic: readonly string[]): void {
  const { path, rest } = findCommand(etcdutl, sharedFlags, topic);
  if (rest.length === 0) return void process.stdout.write(usageOf(path, sharedFlags));
  const shown = topic.map((word) => `\`${word}\``).join(" ");
  process.stderr.write(
    `Unknown help topic [${shown}]\n${usageOf([etcdutl], sharedFlags, { withHelp: false })}`,
  );
}
