/** What cel-go's AST validators, which Kubernetes turns on, find in an expression whose types are right. */
import { parseDuration } from "../apimachinery/index.ts";
import { type Call, childrenOf, type Expression, type ListExpression, type MapExpression } from "./ast.ts";
import type { Checked } from "./checker.ts";
import { checkFormat } from "./format-check.ts";
import { compilePattern } from "./library/regex.ts";
import { timestamp } from "./operators.ts";
import { CompileError, type CompileProblem } from "./source.ts";
import { readTimestamp } from "./timestamps.ts";
import { type CelType, describeType, sameType, unwrapOptional } from "./types.ts";
import { Failure, type Value } from "./values.ts";

/** Whose first argument, if it is a literal, must be well-formed. */
const literals: Readonly<Record<string, (literal: Value) => boolean>> = {
  duration: (literal) => typeof literal === "string" && parseDuration(literal) !== undefined,
  timestamp: (literal) =>
    typeof literal === "bigint"
      ? !(timestamp(literal * 1_000_000_000n) instanceof Failure)
      : typeof literal === "string" && readTimestamp(literal) !== undefined,
  matches: (literal) => typeof literal !== "string" || !(compilePattern(literal) instanceof Failure),
};

/** @throws CompileError for literals that would fail whenever they are met, or that mix types */
export function checkLiterals(source: string, expression: Expression, checked: Checked): void {
  const checks = new LiteralChecks(checked);
  checks.visit(expression, false);
  if (checks.problems.length > 0) throw new CompileError(source, checks.problems);
}

class LiteralChecks {
  readonly problems: CompileProblem[] = [];
  readonly #checked: Checked;

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  /** `mayMix`: it is part of what format() gets, where literals may be of several types. */
  visit(expression: Expression, mayMix: boolean): void {
    if (expression.kind === "call") this.#call(expression);
    else if (expression.kind === "list" && !mayMix) this.#list(expression);
    else if (expression.kind === "map" && !mayMix) this.#map(expression);
    const inFormat = mayMix || (expression.kind === "call" && expression.name === "format");
    for (const child of childrenOf(expression)) this.visit(child, inFormat);
  }

  #call(call: Call): void {
    if (call.name === "format") {
      const problem = checkFormat(call, this.#checked);
      if (problem !== undefined) this.problems.push(problem);
      return;
    }
    const isValid = Object.hasOwn(literals, call.name) ? literals[call.name] : undefined;
    const argument = call.args[call.name === "matches" && call.target === undefined ? 1 : 0];
    if (isValid === undefined || argument?.kind !== "literal") return;
    if (!isValid(argument.value))
      this.problems.push({ offset: argument.offset, message: `invalid ${call.name} argument` });
  }

  #list({ elements }: ListExpression): void {
    let first: CelType | undefined;
    for (const { value, isOptional } of elements) {
      const type = this.#typeOf(value, isOptional);
      first ??= type;
      if (!this.#isSame(value, first, type)) return;
    }
  }

  #map({ entries }: MapExpression): void {
    let firstKey: CelType | undefined;
    let firstValue: CelType | undefined;
    for (const { key, value, isOptional } of entries) {
      const [keyType, valueType] = [this.#typeOf(key, false), this.#typeOf(value, isOptional)];
      firstKey ??= keyType;
      firstValue ??= valueType;
      this.#isSame(key, firstKey, keyType);
      this.#isSame(value, firstValue, valueType);
    }
  }

  #typeOf(expression: Expression, isOptional: boolean): CelType {
    const type = this.#checked.typeOf(expression);
    return isOptional ? (unwrapOptional(type) ?? type) : type;
  }

  #isSame({ offset }: Expression, wanted: CelType, found: CelType): boolean {
    if (sameType(wanted, found)) return true;
    const message = `expected type '${describeType(wanted)}' but found '${describeType(found)}'`;
    this.problems.push({ offset, message });
    return false;
  }
}
