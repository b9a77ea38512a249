import {
  type KubeObject,
  type LabelSelector,
  type StatusError,
  type StatusReason,
  selectorFromObject,
} from "../apimachinery/index.ts";
import type { Authorizer } from "../auth/index.ts";
import type { Budget, CelType, Program, Result, Value } from "../cel/index.ts";
import {
  type Condition,
  conditionsHold,
  ExpressionError,
  loadCel,
  requestCostMax,
  requestVariables,
  run,
} from "./expressions.ts";
import { refused } from "./forbidden.ts";
import {
  equivalentFor,
  isExempt,
  type MatchRule,
  MatchSelectors,
  matchedRequest,
  matchesNamespace,
  matchesObject,
  matchesRule,
  namespaceOf,
} from "./matching.ts";
import type {
  AdmissionPlugin,
  AdmissionReader,
  AdmissionRequest,
  ConfigurationViews,
  KindLookup,
} from "./ports.ts";

type Cel = Awaited<ReturnType<typeof loadCel>>;

interface MatchResources {
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly resourceRules?: readonly MatchRule[];
  readonly excludeResourceRules?: readonly MatchRule[];
  readonly matchPolicy?: "Exact" | "Equivalent";
}

interface Policy extends KubeObject {
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

interface Binding extends KubeObject {
  spec: {
    readonly policyName: string;
    readonly paramRef?: ParamRef;
    readonly matchResources?: MatchResources;
    readonly validationActions?: readonly ("Deny" | "Warn" | "Audit")[];
  };
}

interface ParamRef {
  readonly name?: string;
  readonly namespace?: string;
  readonly selector?: LabelSelector;
  readonly parameterNotFoundAction?: "Allow" | "Deny";
}

interface Denial {
  readonly policy: string;
  readonly binding: string | undefined;
  readonly message: string;
  readonly reason: string | undefined;
}

/** A policy or a binding that cannot be carried out as it stands. */
class ConfigurationError extends Error {}

const group = "admissionregistration.k8s.io";
const policies = { group, version: "v1", resource: "validatingadmissionpolicies" };
const bindings = { group, version: "v1", resource: "validatingadmissionpolicybindings" };

const messageBytesMax = 5 * 1024;
const codes: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

/** Rules that people write in CEL: what a bound policy does not allow is refused, or warned of. */
export function validatingAdmissionPolicy(deps: {
  readonly views: ConfigurationViews;
  readonly reader: AdmissionReader;
  readonly authorizer: Authorizer;
  readonly kinds: KindLookup;
}): AdmissionPlugin {
  const policyView = deps.views.of(policies);
  const bindingView = deps.views.of(bindings);
  const compiled = new WeakMap<KubeObject, CompiledPolicy>();
  const selectors = new WeakMap<object, MatchSelectors>();

  const selectorsOf = (match: MatchResources): MatchSelectors => {
    const known = selectors.get(match) ?? new MatchSelectors(match);
    selectors.set(match, known);
    return known;
  };
  /** The request as the rules see it; undefined where it does not concern them. */
  const concerned = async (
    match: MatchResources | undefined,
    request: AdmissionRequest,
  ): Promise<AdmissionRequest | undefined> => {
    if (match === undefined) return request;
    const { resourceRules = [], excludeResourceRules: excluded = [], matchPolicy } = match;
    if (excluded.some((rule) => matchesRule(rule, request))) return undefined;
    if (equivalentFor(excluded, matchPolicy, request) !== undefined) return undefined;
    const read = selectorsOf(match);
    if (!matchesObject(read, request)) return undefined;
    if (!(await matchesNamespace(read, request, deps.reader))) return undefined;
    return resourceRules.length === 0 ? request : await matchedRequest(resourceRules, matchPolicy, request);
  };

  const evaluate = async (policy: Policy, asked: AdmissionRequest): Promise<Denial[]> => {
    const bound = (bindingView.all as readonly Binding[]).filter(
      ({ spec }) => spec.policyName === policy.metadata.name,
    );
    if (bound.length === 0) return [];
    const request = await concerned(policy.spec.matchConstraints, asked);
    if (request === undefined) return [];
    const { name = "" } = policy.metadata;
    const denials: Denial[] = [];
    const misconfigured = (binding: string | undefined, error: unknown): void => {
      if (!(error instanceof ConfigurationError)) throw error;
      if (policy.spec.failurePolicy === "Ignore") return;
      const what = binding === undefined ? "policy" : "binding";
      const message = `failed to configure ${what}: ${error.message}`;
      denials.push({ policy: name, binding, message, reason: undefined });
    };
    let paramResource: ParamResource | undefined;
    try {
      paramResource = paramResourceOf(policy, deps.kinds);
    } catch (error) {
      misconfigured(undefined, error);
      return denials;
    }
    const cel = await loadCel();
    let program = compiled.get(policy);
    if (program === undefined) {
      program = new CompiledPolicy(policy, cel);
      compiled.set(policy, program);
    }
    const namespace = await namespaceOf(request, deps.reader);
    for (const binding of bound) {
      const bindingName = binding.metadata.name ?? "";
      if ((await concerned(binding.spec.matchResources, asked)) === undefined) continue;
      let params: readonly (KubeObject | null)[];
      try {
        params = await paramsOf(paramResource, binding.spec.paramRef, request, deps.reader);
      } catch (error) {
        misconfigured(bindingName, error);
        continue;
      }
      for (const param of params) {
        const variables = requestVariables(cel, request, {
          authorizer: deps.authorizer,
          namespace,
          params: param,
        });
        for (const { message, reason } of program.violations(variables)) {
          for (const action of binding.spec.validationActions ?? []) {
            if (action === "Deny") denials.push({ policy: name, binding: bindingName, message, reason });
            if (action !== "Warn") continue;
            request.warn?.(
              `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${bindingName}': ${message}`,
            );
          }
        }
      }
    }
    return denials;
  };

  const check = async (request: AdmissionRequest): Promise<void> => {
    const denials: Denial[] = [];
    for (const policy of policyView.all as readonly Policy[])
      denials.push(...(await evaluate(policy, request)));
    const [first] = denials;
    if (first !== undefined) throw denied(request, first);
  };

  return {
    name: "ValidatingAdmissionPolicy",
    connects: true,
    validate: (request) => {
      if (policyView.all.length === 0 || bindingView.all.length === 0 || isExempt(request)) return undefined;
      return check(request);
    },
  };
}

function denied(
  request: AdmissionRequest,
  { policy, binding, message, reason = "Invalid" }: Denial,
): StatusError {
  const by = binding === undefined ? "" : ` with binding '${binding}'`;
  const text = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`;
  const refusal = refused(request, text);
  refusal.status.reason = reason as StatusReason;
  refusal.status.code = codes[reason] ?? 422;
  refusal.status.details = { ...refusal.status.details, causes: [{ message: text }] };
  return refusal;
}

/** A kind of parameters, and the resource that holds them. */
type ParamResource = NonNullable<ReturnType<KindLookup>> & {
  readonly apiVersion: string;
  readonly kind: string;
};

/** Undefined where the policy has no parameters. @throws ConfigurationError */
function paramResourceOf({ spec: { paramKind } }: Policy, kinds: KindLookup): ParamResource | undefined {
  if (paramKind === undefined) return undefined;
  const { apiVersion, kind } = paramKind;
  const [first = "", second] = apiVersion.split("/");
  const found = kinds({ group: second === undefined ? "" : first, version: second ?? first, kind });
  if (found !== undefined) return { ...found, apiVersion, kind };
  throw new ConfigurationError(
    `failed to find resource referenced by paramKind: '${second === undefined ? `/${first}` : apiVersion}, Kind=${kind}'`,
  );
}

async function paramsOf(
  found: ParamResource | undefined,
  ref: ParamRef | undefined,
  request: AdmissionRequest,
  reader: AdmissionReader,
): Promise<readonly (KubeObject | null)[]> {
  if (found === undefined || ref === undefined) return [null];
  let namespace = "";
  if (found.namespaced) {
    namespace = ref.namespace || request.namespace;
    if (namespace === "") {
      throw new ConfigurationError(
        "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources",
      );
    }
  } else if (ref.namespace) {
    throw new ConfigurationError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
  }
  let params: readonly KubeObject[];
  if (ref.name) {
    const param = await reader.get(found.resource, { namespace, name: ref.name });
    params = param === undefined ? [] : [param];
  } else {
    const selector = selectorFromObject(ref.selector);
    params = (await reader.list(found.resource)).filter(
      ({ metadata }) => (metadata.namespace ?? "") === namespace && selector.matches(metadata.labels ?? {}),
    );
  }
  if (params.length === 0 && ref.parameterNotFoundAction === "Deny") {
    throw new ConfigurationError("no params found for policy binding with `Deny` parameterNotFoundAction");
  }
  const { apiVersion, kind } = found;
  return params.map((param) => ({ ...param, apiVersion, kind }));
}

interface CompiledValidation {
  readonly validation: Validation;
  readonly condition: Condition;
  readonly message: Condition | undefined;
}

/** A policy's expressions, compiled once for as long as the policy stays as it is. */
class CompiledPolicy {
  readonly #cel: Cel;
  readonly #policy: Policy;
  readonly #conditions: readonly Condition[];
  readonly #variables: readonly { readonly name: string; readonly program: Program }[];
  readonly #validations: readonly CompiledValidation[];

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
  }

  /** What a request violates, in the order of the policy's validations. */
  violations(
    variables: Readonly<Record<string, Value>>,
  ): readonly { readonly message: string; readonly reason: string | undefined }[] {
    const cel = this.#cel;
    const ignoresErrors = this.#policy.spec.failurePolicy === "Ignore";
    const failed = (error: unknown): { message: string; reason: undefined }[] => {
      if (!(error instanceof ExpressionError)) throw error;
      return ignoresErrors ? [] : [{ message: error.message, reason: undefined }];
    };
    try {
      if (!conditionsHold(cel, this.#conditions, variables)) return [];
    } catch (error) {
      return failed(error);
    }
    const budget = new cel.Budget(requestCostMax);
    const all: Record<string, Value> = { ...variables };
    if (this.#variables.length > 0) all["variables"] = this.#composed(all, budget);
    const violations: { message: string; reason: string | undefined }[] = [];
    for (const each of this.#validations) {
      try {
        if (run(cel, each.condition, all, budget) === true) continue;
        const { reason } = each.validation;
        violations.push({ message: this.#message(each, all, budget), reason });
      } catch (error) {
        const told = failed(error);
        if (error instanceof ExpressionError && error.isFinal) return told;
        violations.push(...told);
      }
    }
    return violations;
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
