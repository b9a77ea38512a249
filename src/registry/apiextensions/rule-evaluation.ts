import { type FieldError, field, type Json } from "../../apimachinery/index.ts";
import {
  Budget,
  type CelType,
  CostExceeded,
  evaluationCostMax,
  Failure,
  fromJson,
  Optional,
  type Program,
  type Result,
  type Value,
} from "../../cel/index.ts";
import { Correlation, type CustomNode, type JsonSchemaProps } from "../../schema/index.ts";
import type { CheckRules } from "./custom-strategy.ts";
import { type CompiledRule, compileRules, elementType, propertyType, ruleType } from "./rule-compiler.ts";

/** Units of cost that all rules together may spend on one object. */
const objectCostMax = 10_000_000;
/** Bytes of a message that an expression makes. */
const messageBytesMax = 5 * 1024;

const outOfBudget =
  "validation failed due to running out of cost budget, no further validation rules will be run";

/** The checks of x-kubernetes-validations in a schema, compiled once; undefined where it has none. */
export function ruleChecks(root: CustomNode): CheckRules | undefined {
  const type = ruleType(root.props, true);
  const checker = type && checkerOf(root.props, root, type);
  if (checker === undefined) return undefined;
  return (object, old, warn) => {
    const value = object as unknown as Json;
    const before = old as unknown as Json | undefined;
    const evaluation = new Evaluation(warn);
    const correlation = before === undefined ? undefined : new Correlation(value, before, root);
    evaluation.check(checker, value, before, { path: "", current: correlation, nearest: undefined });
    return evaluation.problems;
  };
}

/** What a default breaks of the rules of its own schema: where it stays, and where it comes to be. */
export function defaultRuleProblems(node: CustomNode, value: Json, path: string): readonly FieldError[] {
  const type = ruleType(node.props, node.embedded);
  const checker = type && checkerOf(node.props, node, type);
  if (checker === undefined) return [];
  const problemsAfter = (old: Json | undefined): readonly FieldError[] => {
    const evaluation = new Evaluation(() => {});
    evaluation.check(checker, value, old, { path, current: undefined, nearest: undefined });
    return evaluation.problems;
  };
  const staying = problemsAfter(value);
  return staying.length > 0 ? staying : problemsAfter(undefined);
}

/** The rules at one place of a schema and below it. */
interface Checker {
  readonly type: CelType;
  readonly schemaType: string;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, Checker>;
  readonly items: Checker | undefined;
  readonly values: Checker | undefined;
  readonly allOf: readonly Checker[];
}

/** `rules`: the schema whose rules are meant, which within allOf is another than the one that declares the types. */
function checkerOf(rules: JsonSchemaProps, node: CustomNode, type: CelType): Checker | undefined {
  const compiled = compileRules(rules["x-kubernetes-validations"] ?? [], node.props, type);
  const element = elementType(type);
  const properties = new Map<string, Checker>();
  for (const [name, inner] of Object.entries(rules.properties ?? {})) {
    const property = node.properties.get(name);
    const itsType = property && propertyType(type, name, property.props);
    const checker = property && itsType && checkerOf(inner, property, itsType);
    if (checker !== undefined) properties.set(name, checker);
  }
  const below = (inner: JsonSchemaProps | undefined, target: CustomNode | undefined): Checker | undefined =>
    inner && target && element && checkerOf(inner, target, element);
  const items = below(Array.isArray(rules.items) ? undefined : (rules.items as JsonSchemaProps), node.items);
  const { additionalProperties } = rules;
  const values = below(
    typeof additionalProperties === "object" ? additionalProperties : undefined,
    node.values,
  );
  const allOf = (rules.allOf ?? [])
    .map((inner) => checkerOf(inner, node, type))
    .filter((checker) => checker !== undefined);
  if (compiled.length + properties.size + allOf.length === 0 && items === undefined && values === undefined)
    return undefined;
  return { type, schemaType: node.props.type ?? "", rules: compiled, properties, items, values, allOf };
}

interface Place {
  /** "" at the root. */
  readonly path: string;
  /** The value beside the one it replaces; undefined where there is none to compare with. */
  readonly current: Correlation | undefined;
  /** The nearest value around that has one. */
  readonly nearest: Correlation | undefined;
}

/** Whether what is wrong at a place was so before and may stay. */
function isOld({ current, nearest }: Place): boolean {
  return (current ?? nearest)?.unchanged === true;
}

class Evaluation {
  readonly problems: FieldError[] = [];
  readonly #warn: (text: string) => void;
  #remaining = objectCostMax;

  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  check(checker: Checker, value: Json, old: Json | undefined, place: Place): void {
    if (value === null || this.#remaining < 0) return;
    this.#rules(checker, value, old ?? undefined, place);
    for (const inner of checker.allOf) this.check(inner, value, old, { ...place, current: undefined });
    if (Array.isArray(value)) this.#items(checker, value, place);
    else if (typeof value === "object") this.#members(checker, value, old, place);
  }

  #items({ items }: Checker, value: readonly Json[], place: Place): void {
    if (items === undefined) return;
    value.forEach((item, index) => {
      const current = place.current?.item(index);
      this.check(items, item, current?.old, {
        path: `${place.path}[${index}]`,
        current,
        nearest: place.current ?? place.nearest,
      });
    });
  }

  #members(checker: Checker, value: { [key: string]: Json }, old: Json | undefined, place: Place): void {
    const before = typeof old === "object" && old !== null && !Array.isArray(old) ? old : undefined;
    for (const key of Object.keys(value)) {
      const declared = checker.properties.get(key);
      const inner = declared ?? checker.values;
      if (inner === undefined) continue;
      const name = declared === undefined ? `[${key}]` : place.path === "" ? key : `.${key}`;
      const was = before !== undefined && Object.hasOwn(before, key) ? before[key] : undefined;
      this.check(inner, value[key] as Json, was, {
        path: place.path + name,
        current: place.current?.member(key),
        nearest: place.current ?? place.nearest,
      });
    }
  }

  #rules(checker: Checker, value: Json, old: Json | undefined, place: Place): void {
    if (checker.rules.length === 0) return;
    const at = place.path === "" ? "<nil>" : place.path;
    const self = fromJson(value, checker.type);
    const oldSelf = old === undefined ? undefined : fromJson(old, checker.type);
    for (const compiled of checker.rules) {
      const { rule, program, fault } = compiled;
      if (fault !== undefined) {
        this.problems.push(field.invalid(at, checker.schemaType, `rule compile error: ${fault}`));
        continue;
      }
      if (program === undefined) continue;
      const optional = rule.optionalOldSelf === true;
      // A transition needs something to come from.
      if (compiled.usesOldSelf && oldSelf === undefined && !optional) continue;
      const variables = { self, oldSelf: optional ? new Optional(oldSelf) : oldSelf };
      if (!this.#evaluate(compiled, program, variables, { checker, value, place, at })) return;
    }
  }

  /** Answers whether further rules may run. */
  #evaluate(
    compiled: CompiledRule,
    program: Program,
    variables: Readonly<Record<string, Value | undefined>>,
    on: { readonly checker: Checker; readonly value: Json; readonly place: Place; readonly at: string },
  ): boolean {
    const { checker, value, place, at } = on;
    const { rule, fieldPath } = compiled;
    const fail = (text: string): void => {
      this.problems.push(field.invalid(at, checker.schemaType, text));
    };
    const result = this.#run(program, variables);
    if (result === "out of budget") {
      fail(outOfBudget);
      return false;
    }
    if (result === "too long") {
      const why = "operation cancelled: actual cost limit exceeded";
      fail(
        `'${why}': no further validation rules will be run due to call cost exceeds limit for rule: ${named(rule)}`,
      );
      this.#remaining = -1;
      return false;
    }
    if (result instanceof Failure) {
      if (result.message.startsWith("no such overload")) {
        fail(
          `'${result.message}': call arguments did not match a supported operator, function or macro signature for rule: ${named(rule)}`,
        );
      } else fail(`${result.message} evaluating rule: ${named(rule)}`);
      return true;
    }
    if (result === true) return true;
    const where = fieldPath === "" ? at : place.path === "" ? fieldPath : `${place.path}.${fieldPath}`;
    const message = compiled.message && this.#message(compiled.message, variables);
    const detail = message ?? (rule.message ? rule.message.trim() : `failed rule: ${named(rule)}`);
    const shown = checker.schemaType === "object" || checker.schemaType === "array" ? field.omitted : value;
    const problem = problemFor(rule.reason, where, shown, detail);
    if (!compiled.usesOldSelf && isOld(place)) this.#warn(field.fieldErrorText(problem));
    else this.problems.push(problem);
    return true;
  }

  #run(
    program: Program,
    variables: Readonly<Record<string, Value | undefined>>,
  ): Result | "out of budget" | "too long" {
    if (this.#remaining <= 0) return this.#spent();
    const budget = new Budget(Math.min(evaluationCostMax, this.#remaining));
    try {
      const result = program.evaluate(variables, budget);
      this.#remaining -= budget.spent;
      return result;
    } catch (error) {
      if (!(error instanceof CostExceeded)) throw error;
      return this.#remaining < evaluationCostMax ? this.#spent() : "too long";
    }
  }

  #spent(): "out of budget" {
    this.#remaining = -1;
    return "out of budget";
  }

  /** Undefined where the expression makes none that can be shown. */
  #message(program: Program, variables: Readonly<Record<string, Value | undefined>>): string | undefined {
    const result = this.#run(program, variables);
    if (typeof result !== "string" || result === "out of budget" || result === "too long") return undefined;
    const text = result.trim();
    if (text === "" || /[\n\r]/.test(text) || Buffer.byteLength(text) > messageBytesMax) return undefined;
    return text;
  }
}

/** A rule in an error: its message, else its expression. */
function named({ rule, message = "" }: CompiledRule["rule"]): string {
  return (message === "" ? rule : message).trim();
}

function problemFor(
  reason: string | undefined,
  path: string,
  value: Json | typeof field.omitted,
  detail: string,
): FieldError {
  switch (reason) {
    case "FieldValueForbidden":
      return field.forbidden(path, detail);
    case "FieldValueRequired":
      return field.required(path, detail);
    case "FieldValueDuplicate":
      return field.duplicate(path, value);
    default:
      return field.invalid(path, value, detail);
  }
}
