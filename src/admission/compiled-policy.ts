import type { KubeObject, LabelSelector } from "../apimachinery/index.ts";
import type { Budget, CelType, Program, Result, Value } from "../cel/index.ts";
import {
  type Condition,
  conditionsHold,
  ExpressionError,
  type loadCel,
  requestCostMax,
  run,
} from "./expressions.ts";
import type { MatchRule } from "./matching.ts";

type Cel = Awaited<ReturnType<typeof loadCel>>;

const messageBytesMax = 5 * 1024;

export interface MatchResources {
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly resourceRules?: readonly MatchRule[];
  readonly excludeResourceRules?: readonly MatchRule[];
  readonly matchPolicy?: "Exact" | "Equivalent";
}

export interface Policy extends KubeObject {
  spec: {
    readonly paramKind?: { readonly apiVersion: string; readonly kind: string };
    readonly matchConstraints?: MatchResources;
    readonly validations?: readonly Validation[];
    readonly failurePolicy?: "Fail" | "Ignore";
    readonly auditAnnotations?: readonly { readonly key: string; readonly valueExpression: string }[];
    readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[];
    readonly variables?: readonly { readonly name: string; readonly expression: string }[];
  };
}

interface Validation {
  readonly expression: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
}

interface CompiledValidation {
  readonly validation: Validation;
  readonly condition: Condition;
  readonly message: Condition | undefined;
}

/** What a request violates: one of the policy's validations. */
export interface Violation {
  /** Of the validation in the policy. */
  readonly index: number;
  readonly message: string;
  readonly reason: string | undefined;
}

/** What a policy has recorded of a request, or why it cannot say. */
type Annotation =
  | { readonly key: string; readonly value: string; readonly error?: undefined }
  | { readonly key: string; readonly value?: undefined; readonly error: string };

/** A policy's expressions, compiled once for as long as the policy stays as it is. */
export class CompiledPolicy {
  readonly #cel: Cel;
  readonly #policy: Policy;
  readonly #conditions: readonly Condition[];
  readonly #variables: readonly { readonly name: string; readonly program: Program }[];
  readonly #validations: readonly CompiledValidation[];
  readonly #annotations: readonly { readonly key: string; readonly value: Condition }[];

  constructor(policy: Policy, cel: Cel) {
    this.#cel = cel;
    this.#policy = policy;
    const { spec } = policy;
    const params = spec.paramKind !== undefined;
    const { bool, string } = cel.types;
    const variableTypes: Record<string, CelType> = {};
    const compile = (source: string, wanted: readonly CelType[], authorizer = true): Condition => {
      const composed = spec.variables === undefined ? {} : { variables: { ...variableTypes } };
      const environment = cel.admissionEnvironment({ params, authorizer, ...composed });
      return { source, program: cel.compileTyped(source, environment, wanted) };
    };
    const conditionEnvironment = cel.admissionEnvironment({ params, authorizer: true });
    this.#conditions = (spec.matchConditions ?? []).map(({ expression }) => {
      const source = expression.trim();
      return { source, program: cel.compileTyped(source, conditionEnvironment, [bool]) };
    });
    this.#variables = (spec.variables ?? []).map(({ name, expression }) => {
      const { program } = compile(expression, []);
      variableTypes[name] = program.type;
      return { name, program };
    });
    this.#validations = (spec.validations ?? []).map((validation) => ({
      validation,
      condition: compile(validation.expression, [bool]),
      message: validation.messageExpression
        ? compile(validation.messageExpression, [string], false)
        : undefined,
    }));
    this.#annotations = (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      key,
      value: compile(valueExpression, [string, cel.types.null]),
    }));
  }

  /** What a request violates, in the order of the policy's validations, and what is to be recorded of it. */
  evaluate(variables: Readonly<Record<string, Value>>): {
    readonly violations: readonly Violation[];
    readonly annotations: readonly Annotation[];
  } {
    const cel = this.#cel;
    try {
      if (!conditionsHold(cel, this.#conditions, variables)) return { violations: [], annotations: [] };
    } catch (error) {
      return { violations: this.#failed(error, 0), annotations: [] };
    }
    const budget = new cel.Budget(requestCostMax);
    const all: Record<string, Value> = { ...variables };
    if (this.#variables.length > 0) all["variables"] = this.#composed(all, budget);
    const violations: Violation[] = [];
    for (const [index, each] of this.#validations.entries()) {
      try {
        if (run(cel, each.condition, all, budget) === true) continue;
        const { reason } = each.validation;
        violations.push({ index, message: this.#message(each, all, budget), reason });
      } catch (error) {
        const told = this.#failed(error, index);
        if (error instanceof ExpressionError && error.isFinal) return { violations: told, annotations: [] };
        violations.push(...told);
      }
    }
    return { violations, annotations: this.#recorded(all, budget) };
  }

  #failed(error: unknown, index: number): Violation[] {
    if (!(error instanceof ExpressionError)) throw error;
    return this.#ignoresErrors ? [] : [{ index, message: error.message, reason: undefined }];
  }

  get #ignoresErrors(): boolean {
    return this.#policy.spec.failurePolicy === "Ignore";
  }

  #recorded(all: Readonly<Record<string, Value>>, budget: Budget): Annotation[] {
    return this.#annotations.flatMap(({ key, value: expression }): Annotation[] => {
      try {
        const value = run(this.#cel, expression, all, budget);
        const text = typeof value === "string" ? value.trim() : "";
        return text === "" ? [] : [{ key, value: text }];
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        return this.#ignoresErrors ? [] : [{ key, error: error.message }];
      }
    });
  }

  /** Each variable is computed when it is first named, and then known. */
  #composed(all: Readonly<Record<string, Value>>, budget: Budget): Value {
    const cel = this.#cel;
    const compute = new Map(
      this.#variables.map(({ name, program }) => [
        name,
        (): Result => {
          const result = program.evaluate(
            all,
            new cel.Budget(Math.min(cel.evaluationCostMax, budget.remaining)),
          );
          if (!(result instanceof cel.Failure)) return result;
          return new cel.Failure(
            `composited variable ${JSON.stringify(name)} fails to evaluate: ${result.message}`,
          );
        },
      ]),
    );
    return new cel.LazyMap("kubernetes.variables", compute);
  }

  #message(
    { validation, message }: CompiledValidation,
    all: Readonly<Record<string, Value>>,
    budget: Budget,
  ): string {
    const fallback =
      (validation.message ?? "").trim() || `failed expression: ${validation.expression.trim()}`;
    if (message === undefined) return fallback;
    let value: Value;
    try {
      value = run(this.#cel, message, all, budget);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      if (error.isFinal) throw new ExpressionError(`failed messageExpression: ${error.message}`, true);
      return fallback;
    }
    const text = typeof value === "string" ? value.trim() : "";
    if (text === "" || text.includes("\n") || Buffer.byteLength(text) > messageBytesMax) return fallback;
    return text;
  }
}
