import { assert } from "../../base/index.ts";
import { type JsonSchemaProps, someSchema } from "../../schema/index.ts";

/** Expressions are compiled and run by a room that takes long to load; it is read when the first CRD with rules comes. */
interface RuleEngine {
  readonly expressionProblems: typeof import("./rule-expressions.ts").expressionProblems;
  readonly ruleChecks: typeof import("./rule-evaluation.ts").ruleChecks;
  readonly defaultRuleProblems: typeof import("./rule-evaluation.ts").defaultRuleProblems;
}

let engine: RuleEngine | undefined;

const hasRules = (schema: JsonSchemaProps): boolean =>
  someSchema(schema, (inner) => inner["x-kubernetes-validations"] !== undefined);

/** Loads what the rules of these schemas need; to be awaited before `ruleEngine` is asked for one of them. */
export async function loadRules(schemas: readonly JsonSchemaProps[]): Promise<void> {
  if (engine !== undefined || !schemas.some(hasRules)) return;
  const [{ expressionProblems }, { ruleChecks, defaultRuleProblems }] = await Promise.all([
    import("./rule-expressions.ts"),
    import("./rule-evaluation.ts"),
  ]);
  engine = { expressionProblems, ruleChecks, defaultRuleProblems };
}

/** Undefined for a schema without rules. */
export function ruleEngine(schema: JsonSchemaProps): RuleEngine | undefined {
  if (!hasRules(schema)) return undefined;
  assert(engine !== undefined, "loadRules was awaited");
  return engine;
}
