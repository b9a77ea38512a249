import { type FieldError, field } from "../../apimachinery/index.ts";
import { type CelType, requestBytesMax } from "../../cel/index.ts";
import { itemsSchema, type JsonSchemaProps, type ValidationRule, valuesSchema } from "../../schema/index.ts";
import { type CompiledRule, compileRules, elementType, propertyType, ruleType } from "./rule-compiler.ts";

/** Units of cost that one rule, and all rules of a schema, may come to: upstream's StaticEstimated… limits. */
const ruleCostMax = 10_000_000;
const schemaCostMax = 100_000_000;
/** How many of the most expensive rules are told when all together are too expensive. */
const expensiveRulesTold = 4;
const boundless = 2 ** 64;

/**
 * What is wrong with the expressions of x-kubernetes-validations in a schema that is otherwise fine: whether they compile, what they may
 * cost, and whether `oldSelf` means something where they stand. `unchanged`: an update leaves them as they were, whatever one costs.
 */
export function expressionProblems(schema: JsonSchemaProps, path: string, unchanged: boolean): FieldError[] {
  const walk = new ExpressionWalk(unchanged);
  walk.visit(schema, path, { type: ruleType(schema, true), times: 1, uncorrelated: undefined });
  return [...walk.problems, ...walk.totalProblems(path)];
}

interface Surroundings {
  readonly type: CelType | undefined;
  /** How often a value of the schema may stand in an object; undefined: nothing bounds it. */
  readonly times: number | undefined;
  /** The list within which old and new values cannot be told to belong together. */
  readonly uncorrelated: string | undefined;
}

class ExpressionWalk {
  readonly problems: FieldError[] = [];
  readonly #unchanged: boolean;
  #total = 0;
  #expensive: { readonly path: string; readonly cost: number }[] = [];

  constructor(unchanged: boolean) {
    this.#unchanged = unchanged;
  }

  visit(schema: JsonSchemaProps, path: string, around: Surroundings): void {
    const { type } = around;
    const inner = { ...around, times: timesOf(schema, around.times) };
    const values = valuesSchema(schema);
    if (values !== undefined)
      this.visit(values, `${path}.additionalProperties`, { ...inner, type: type && elementType(type) });
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      this.visit(property, `${path}.properties[${name}]`, {
        ...inner,
        type: type && propertyType(type, name, property),
      });
    }
    const items = itemsSchema(schema);
    if (items !== undefined) {
      const isMap = schema["x-kubernetes-list-type"] === "map";
      this.visit(items, `${path}.items`, {
        ...inner,
        type: type && elementType(type),
        uncorrelated: isMap ? around.uncorrelated : (around.uncorrelated ?? path),
      });
    }
    const rules = schema["x-kubernetes-validations"] ?? [];
    if (rules.length === 0 || type === undefined) return;
    compileRules(rules, schema, type).forEach((compiled, index) => {
      this.#rule(compiled, type, `${path}.x-kubernetes-validations[${index}]`, around);
    });
  }

  #rule(compiled: CompiledRule, type: CelType, path: string, around: Surroundings): void {
    const { rule, program, message, fault, messageFault } = compiled;
    const times = around.times ?? Math.floor(requestBytesMax / ((type.bytesMin ?? 1) + 1));
    const problems = this.problems;
    const cost = (program?.costMax(() => type) ?? 0) * times;
    if (!this.#unchanged && cost > ruleCostMax)
      problems.push(field.forbidden(`${path}.rule`, tooCostly("estimated rule cost", cost, ruleCostMax)));
    this.#observe(`${path}.rule`, cost);
    if (fault !== undefined) problems.push(field.invalid(`${path}.rule`, printed(rule), fault));
    if (messageFault !== undefined)
      problems.push(field.invalid(`${path}.messageExpression`, printed(rule), messageFault));
    if (message !== undefined) {
      const messageCost = message.costMax(() => type);
      if (!this.#unchanged && messageCost > ruleCostMax) {
        const text = tooCostly("estimated messageExpression cost", messageCost, ruleCostMax);
        problems.push(field.forbidden(`${path}.messageExpression`, text));
      }
      this.#observe(`${path}.messageExpression`, messageCost);
    }
    if (compiled.usesOldSelf && around.uncorrelated !== undefined) {
      const text = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${around.uncorrelated}`;
      problems.push(field.invalid(`${path}.rule`, rule.rule, text));
    } else if (!compiled.usesOldSelf && rule.optionalOldSelf !== undefined) {
      const text = "may not be set if oldSelf is not used in rule";
      problems.push(field.invalid(`${path}.optionalOldSelf`, rule.optionalOldSelf, text));
    }
  }

  #observe(path: string, cost: number): void {
    this.#total = Math.min(boundless, this.#total + cost);
    if (cost < schemaCostMax / 100) return;
    this.#expensive.push({ path, cost });
    this.#expensive.sort((a, b) => b.cost - a.cost);
    this.#expensive.length = Math.min(this.#expensive.length, expensiveRulesTold);
  }

  totalProblems(path: string): FieldError[] {
    if (this.#total <= schemaCostMax) return [];
    const contributed =
      "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
    const name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
    return [
      ...this.#expensive.map((expensive) => field.forbidden(expensive.path, contributed)),
      field.forbidden(path, tooCostly(name, this.#total, schemaCostMax)),
    ];
  }
}

/** How often a schema's members may stand in an object. */
function timesOf(schema: JsonSchemaProps, times: number | undefined): number | undefined {
  if (times === undefined) return undefined;
  const most =
    schema.type === "array"
      ? schema.maxItems
      : schema.type === "object" && schema.additionalProperties !== undefined
        ? schema.maxProperties
        : 1;
  return most === undefined ? undefined : times * Math.max(0, most);
}

function tooCostly(name: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shown =
    factor > 100 ? "more than 100x" : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${name} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/** A rule as upstream prints its internal type of it. */
function printed(rule: ValidationRule): object {
  return {
    Rule: rule.rule,
    Message: rule.message ?? "",
    MessageExpression: rule.messageExpression ?? "",
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? "",
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
}
