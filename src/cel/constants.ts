import { type Call, childrenOf, type Expression } from "./ast.ts";
import type { Checked } from "./checker.ts";
import { compilePattern } from "./library/regex.ts";
import { Failure, type Result, type Value } from "./values.ts";

/** An expression whose types are right, and of which a part that hangs on no variable fails whenever it is met. */
export class InstantiationError extends Error {
  override readonly name = "InstantiationError";
}

/** Those that cel-go's optimizer runs ahead when they get a literal. */
const conversions: ReadonlySet<string> = new Set(
  "bool bytes double duration dyn int string timestamp type uint".split(" "),
);

/** @throws InstantiationError for a literal that its function does not take: `int('12a')`, `text.find('(')` */
export function checkConstants(expression: Expression, checked: Checked): void {
  if (expression.kind === "call") {
    if (conversions.has(expression.name)) checkConversion(expression, checked);
    else if (expression.name === "find" || expression.name === "findAll") checkPattern(expression);
  }
  for (const child of childrenOf(expression)) checkConstants(child, checked);
}

function checkConversion(call: Call, checked: Checked): void {
  const [argument] = call.args;
  if (call.args.length !== 1 || call.target !== undefined || argument?.kind !== "literal") return;
  // A literal's type is known, and so is its only overload.
  const [overload] = checked.overloads.get(call) ?? [];
  const run = overload?.call as ((value: Value) => Result) | undefined;
  const result = run?.(argument.value);
  refuse(result);
}

function checkPattern({ args: [pattern] }: Call): void {
  if (pattern?.kind === "literal" && typeof pattern.value === "string") refuse(compilePattern(pattern.value));
}

function refuse(result: unknown): void {
  if (result instanceof Failure) throw new InstantiationError(result.message);
}
