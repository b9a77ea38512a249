import {
  type KubeObject,
  type LabelSelector,
  type StatusError,
  type StatusReason,
  selectorFromObject,
} from "../apimachinery/index.ts";
import type { Authorizer } from "../auth/index.ts";
import { CompiledPolicy, type MatchResources, type Policy, type Violation } from "./compiled-policy.ts";
import { loadCel, requestVariables } from "./expressions.ts";
import { refused } from "./forbidden.ts";
import {
  equivalentFor,
  isExempt,
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

/** Of a policy's text in the record of who did what. */
const annotationCharsMax = 10 * 1024;
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
    const annotations = new Map<string, Set<string>>();
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
        const found = program.evaluate(variables);
        for (const violation of found.violations) {
          const { message, reason } = violation;
          const { validationActions = [] } = binding.spec;
          const about = { policy: name, binding: bindingName, message };
          for (const action of validationActions) {
            if (action === "Deny") denials.push({ ...about, reason });
            if (action === "Warn")
              request.warn?.(
                `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${bindingName}': ${message}`,
              );
            if (action === "Audit") recordViolation(asked, violation, { ...about, validationActions });
          }
        }
        for (const { key, value, error } of found.annotations) {
          if (error !== undefined)
            denials.push({ policy: name, binding: bindingName, message: error, reason: undefined });
          else
            annotations.set(key, (annotations.get(key) ?? new Set()).add(value.slice(0, annotationCharsMax)));
        }
      }
    }
    for (const [key, values] of annotations) asked.annotate?.(`${name}/${key}`, [...values].join(", "));
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

/** Of several that are to be recorded the first is, as upstream. */
function recordViolation(
  request: AdmissionRequest,
  { index }: Violation,
  {
    message,
    policy,
    binding,
    validationActions,
  }: Omit<Denial, "reason"> & Pick<Binding["spec"], "validationActions">,
): void {
  const failure = { message, policy, binding, expressionIndex: index, validationActions };
  request.annotate?.("validation.policy.admission.k8s.io/validation_failure", JSON.stringify([failure]));
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
