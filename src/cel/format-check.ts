import type { Call, Expression } from "./ast.ts";
import type { Checked } from "./checker.ts";
import { clausePattern, refusals, unreadable, type Verb } from "./library/string-format.ts";
import type { CompileProblem } from "./source.ts";
import { isDyn } from "./types.ts";

/** The kinds of types that a verb takes; `%s` looks into lists and maps as well. */
const takes: Readonly<Record<Verb, ReadonlySet<string>>> = {
  s: new Set("list map int uint double bool string timestamp bytes duration type null".split(" ")),
  d: new Set(["int", "uint"]),
  f: new Set(["double", "string"]),
  e: new Set(["double", "string"]),
  b: new Set(["int", "uint", "bool"]),
  x: new Set(["int", "uint", "string", "bytes"]),
  X: new Set(["int", "uint", "string", "bytes"]),
  o: new Set(["int", "uint"]),
};

/**
 * What is wrong with a literal format for the literal list of arguments that it gets: cel-go's string format validator
 * (ext/formatting.go). Undefined: nothing, or it cannot be told before the expression runs.
 */
export function checkFormat(call: Call, checked: Checked): CompileProblem | undefined {
  const { target, args, offset } = call;
  const [list] = args;
  if (target?.kind !== "literal" || typeof target.value !== "string" || list?.kind !== "list")
    return undefined;
  let next = 0;
  for (const [clause, precision, verb] of target.value.matchAll(clausePattern)) {
    if (clause === "%%") continue;
    if (clause === "%") return { offset, message: "unexpected end of string" };
    const argument = list.elements[next]?.value;
    if (argument === undefined) return { offset, message: `index ${next} out of range` };
    const problem = unreadable(precision, verb);
    if (problem !== undefined) return { offset, message: problem };
    const wrong = unfit(argument, verb as Verb, checked);
    if (wrong !== undefined) {
      const why = `${refusals[verb as Verb]}, was given ${checked.typeOf(wrong).name}`;
      return { offset: wrong.offset, message: `error during formatting: ${why}` };
    }
    next++;
  }
  if (list.elements.length <= next) return undefined;
  const message = `too many arguments supplied to string.format (expected ${next}, got ${list.elements.length})`;
  return { offset, message };
}

/** What of an argument a verb does not take: the argument itself, or, for `%s`, something in it. */
function unfit(argument: Expression, verb: Verb, checked: Checked): Expression | undefined {
  const type = checked.typeOf(argument);
  if (!isDyn(type) && !takes[verb].has(type.kind)) return argument;
  if (verb !== "s") return undefined;
  for (const part of partsOf(argument)) {
    const wrong = unfit(part, verb, checked);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function partsOf(expression: Expression): readonly Expression[] {
  if (expression.kind === "list") return expression.elements.map(({ value }) => value);
  return expression.kind === "map" ? expression.entries.flatMap(({ key, value }) => [key, value]) : [];
}
