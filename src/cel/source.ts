import { errorsMax, snippetCharactersMax } from "./limits.ts";

/** What is wrong with an expression, and where (a UTF-16 offset into it; undefined where it is nowhere in particular). */
export interface CompileProblem {
  readonly offset: number | undefined;
  readonly message: string;
}

/** An expression that does not compile; the message is cel-go's: one paragraph a problem, with the line and a caret. */
export class CompileError extends Error {
  override readonly name = "CompileError";
  readonly problems: readonly CompileProblem[];

  constructor(source: string, problems: readonly CompileProblem[]) {
    super(describe(source, problems));
    this.problems = problems;
  }
}

function describe(source: string, problems: readonly CompileProblem[]): string {
  const sorted = problems.toSorted((a, b) => (a.offset ?? -1) - (b.offset ?? -1));
  const shown = sorted.slice(0, errorsMax).map((problem) => show(source, problem));
  if (problems.length > errorsMax) shown.push(`${problems.length - errorsMax} more errors were truncated`);
  return shown.join("\n");
}

function show(source: string, { offset, message }: CompileProblem): string {
  if (offset === undefined) return `ERROR: <input>:-1:0: ${message}`;
  // Nothing has no first column.
  if (source === "") return `ERROR: <input>:1:0: ${message}`;
  const before = source.slice(0, offset).split("\n");
  const column = [...(before.at(-1) ?? "")].length;
  const line = (source.split("\n")[before.length - 1] ?? "").replaceAll("\t", " ");
  const head = `ERROR: <input>:${before.length}:${column + 1}: ${message}`;
  if (line.length > snippetCharactersMax) return head;
  const characters = [...line];
  const dots = characters
    .slice(0, column)
    .map((character) => (isWide(character) ? "\uff0e" : "."))
    .join("");
  const caret = isWide(characters[column] ?? "") ? "\uff3e" : "^";
  return `${head}\n | ${line}\n | ${dots}${caret}`;
}

function isWide(character: string): boolean {
  return (character.codePointAt(0) ?? 0) > 0x7f;
}
