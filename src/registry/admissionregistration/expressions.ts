import { type FieldError, field, qualifiedNameErrors } from "../../apimachinery/index.ts";
import type { AdmissionVariables, CelType } from "../../cel/index.ts";

type Cel = typeof import("../../cel/index.ts");

/** The room that compiles expressions, loaded when the first object comes that has any. */
export class Expressions {
  #cel: Cel | undefined;

  /** Before `check` is called. */
  async load(): Promise<void> {
    this.#cel ??= await import("../../cel/index.ts");
  }

  get types(): Cel["types"] {
    return this.#loaded.types;
  }

  get #loaded(): Cel {
    if (this.#cel === undefined) throw new Error("expressions are checked before CEL is loaded");
    return this.#cel;
  }

  /** The type of an expression, or what is wrong with it. */
  check(
    source: string,
    variables: AdmissionVariables,
    wanted: readonly CelType[],
  ): { readonly type: CelType } | { readonly problem: string } {
    const { admissionEnvironment, compileTyped, UnusableExpression } = this.#loaded;
    try {
      return { type: compileTyped(source, admissionEnvironment(variables), wanted).type };
    } catch (error) {
      if (error instanceof UnusableExpression) return { problem: error.message };
      throw error;
    }
  }

  /** As `check`, as errors of a field. */
  errors(
    path: string,
    source: string,
    variables: AdmissionVariables,
    wanted: readonly CelType[],
  ): FieldError[] {
    const checked = this.check(source, variables, wanted);
    return "problem" in checked ? [field.invalid(path, source, checked.problem)] : [];
  }
}

export interface MatchCondition {
  name?: string;
  expression?: string;
}

const matchConditionsMax = 64;

export function validateMatchConditions(
  conditions: readonly MatchCondition[],
  path: string,
  { expressions, params }: { readonly expressions: Expressions; readonly params: boolean },
): FieldError[] {
  const errors: FieldError[] = [];
  if (conditions.length > matchConditionsMax) {
    errors.push(field.tooMany(path, conditions.length, matchConditionsMax));
  }
  const names = new Set<string>();
  conditions.forEach(({ name = "", expression = "" }, i) => {
    const at = `${path}[${i}]`;
    const trimmed = expression.trim();
    if (trimmed === "") errors.push(field.required(`${at}.expression`, ""));
    else {
      const variables = { params, authorizer: true };
      errors.push(...expressions.errors(`${at}.expression`, trimmed, variables, [expressions.types.bool]));
    }
    if (name === "") errors.push(field.required(`${at}.name`, ""));
    else {
      for (const text of qualifiedNameErrors(name)) errors.push(field.invalid(`${at}.name`, name, text));
      if (names.has(name)) errors.push(field.duplicate(`${at}.name`, name));
      names.add(name);
    }
  });
  return errors;
}
