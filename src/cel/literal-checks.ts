import { parseDuration } from "../apimachinery/index.ts";
import type { Call, Expression } from "./ast.ts";
import { childrenOf } from "./ast.ts";
import { compilePattern } from "./library/regex.ts";
import { CompileError, type CompileProblem } from "./source.ts";
import { readTimestamp } from "./timestamps.ts";
import { Failure } from "./values.ts";

/** Which argument of these functions, if it is a literal, must be well-formed: cel-go's AST validators. */
const literals: Readonly<Record<string, { at: number; isValid: (text: string) => boolean }>> = {
  duration: { at: 0, isValid: (text) => parseDuration(text) !== undefined },
  timestamp: { at: 0, isValid: (text) => readTimestamp(text) !== undefined },
  matches: { at: 0, isValid: (text) => !(compilePattern(text) instanceof Failure) },
};

/** @throws CompileError for literals that would fail whenever they are met */
export function checkLiterals(source: string, expression: Expression): void {
  const problems: CompileProblem[] = [];
  visit(expression, (call) => {
    const rule = Object.hasOwn(literals, call.name) ? literals[call.name] : undefined;
    const argument =
      call.args[(rule?.at ?? 0) + (call.name === "matches" && call.target === undefined ? 1 : 0)];
    if (rule === undefined || argument?.kind !== "literal" || typeof argument.value !== "string") return;
    if (rule.isValid(argument.value)) return;
    problems.push({ offset: argument.offset, message: `invalid ${call.name} argument` });
  });
  if (problems.length > 0) throw new CompileError(source, problems);
}

function visit(expression: Expression, look: (call: Call) => void): void {
  if (expression.kind === "call") look(expression);
  for (const child of childrenOf(expression)) visit(child, look);
}
