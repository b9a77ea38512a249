/** Usage as cobra shows it. */
import type { UtlCommand, UtlFlag } from "./command.ts";

/** Names are padded to this at least. */
const namePadding = 11;

/** `path`: from the root to the command that it is about. `shared`: flags that every command has. `own`: with --help or, as cobra at times has it, without. */
export function usageOf(
  path: readonly UtlCommand[],
  shared: readonly UtlFlag[],
  { withHelp = true }: { withHelp?: boolean } = {},
): string {
  const command = path.at(-1) as UtlCommand;
  const names = path.map(({ name }) => name).join(" ");
  const isRoot = path.length === 1;
  const helpFlag: UtlFlag = {
    name: "help",
    shorthand: "h",
    kind: "bool",
    default: "false",
    help: `help for ${command.name}`,
  };
  const own = [...(command.flags ?? []), ...(withHelp ? [helpFlag] : []), ...(isRoot ? shared : [])];
  const lines = ["Usage:"];
  if (command.commands === undefined) {
    const operands = command.operands === undefined ? "" : ` ${command.operands}`;
    // A command that says itself how it is used has no flags to be told of.
    const flags = command.flags === undefined && command.choices !== undefined ? "" : " [flags]";
    lines.push(`  ${names}${operands}${flags}`);
  }
  if (command.commands !== undefined) {
    lines.push(`  ${names} [command]`, "", "Available Commands:");
    const width = Math.max(namePadding, ...command.commands.map(({ name }) => name.length));
    for (const { name, help } of command.commands) lines.push(`  ${name.padEnd(width)} ${help}`);
  }
  if (own.length > 0) lines.push("", "Flags:", ...flagLines(own));
  if (!isRoot) lines.push("", "Global Flags:", ...flagLines(shared));
  if (command.commands !== undefined)
    lines.push("", `Use "${names} [command] --help" for more information about a command.`);
  return `${lines.join("\n")}\n`;
}

function flagLines(flags: readonly UtlFlag[]): string[] {
  const sorted = [...flags].sort((a, b) => (a.name < b.name ? -1 : 1));
  const heads = sorted.map(({ name, shorthand, kind }) => {
    const short = shorthand === undefined ? "      " : `  -${shorthand}, `;
    return `${short}--${name}${kind === "bool" ? "" : ` ${kind}`}`;
  });
  const width = Math.max(...heads.map((head) => head.length));
  return sorted.map((flag, i) => `${(heads[i] as string).padEnd(width)}   ${flag.help}${shownDefault(flag)}`);
}

function shownDefault({ kind, default: value }: UtlFlag): string {
  if (value === "" || value === "0" || value === "false") return "";
  return ` (default ${kind === "string" ? JSON.stringify(value) : value})`;
}
