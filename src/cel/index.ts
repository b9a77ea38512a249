/**
 * CEL as Kubernetes 1.35 uses it: cel-go's language, checker, errors and costs, with Kubernetes' libraries.
 *
 *   const environment = new Environment({ self: typeOfSchema(schema) ?? types.dyn, oldSelf: … });
 *   const program = compile("self.replicas <= 5", environment);          // throws CompileError; its message is cel-go's
 *   const result = program.evaluate({ self: fromJson(object, type) }, new Budget(costMax)); // throws CostExceeded
 *   if (result instanceof Failure) … result.message                      // `no such key: missing`
 *
 * Failures are values, not exceptions: `a || b` is true if b is, whatever became of a. A budget may be shared by several
 * evaluations. The room takes some 25 ms to load (mostly the regular expressions): import it when the first expression comes.
 */
export {
  type AdmissionVariables,
  admissionEnvironment,
  admissionRequestType,
  namespaceObjectType,
} from "./admission-environment.ts";
export { Budget, CostExceeded } from "./budget.ts";
export { compile, type Program } from "./compile.ts";
export { InstantiationError } from "./constants.ts";
export { deviceType, deviceValue } from "./devices.ts";
export { Environment } from "./environment.ts";
export { escapeName } from "./escape.ts";
export { fromJson, LazyMap, toJson } from "./json-values.ts";
export {
  type AuthorizationCheck,
  type AuthorizationDecision,
  type Authorize,
  AuthorizerValue,
  ResourceCheck,
} from "./library/authorizer.ts";
export { evaluationCostMax, requestBytesMax } from "./limits.ts";
export { typeOfSchema, type ValueSchema } from "./schema-types.ts";
export { CompileError } from "./source.ts";
export { compileTyped, UnusableExpression } from "./typed-compile.ts";
export { type CelType, formatType, types } from "./types.ts";
export { Failure, Optional, type Result, type Value } from "./values.ts";
