import {
  deepEqual,
  dns1035LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  type KubeObject,
  type LabelSelector,
  validateLabelSelector,
  type WebhookClientConfig,
} from "../../apimachinery/index.ts";
import { countWanted } from "../rules/replicas.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { validateClientConfig } from "../webhook-client-config.ts";
import { Expressions, type MatchCondition, validateMatchConditions } from "./expressions.ts";
import { type Rule, validateRule } from "./rules.ts";

/** admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration and MutatingWebhookConfiguration. */
interface WebhookConfiguration extends KubeObject {
  webhooks?: Webhook[];
}

interface Webhook {
  name?: string;
  clientConfig?: WebhookClientConfig;
  rules?: Rule[];
  failurePolicy?: string;
  matchPolicy?: string;
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  /** Null where it is missing, which v1 does not allow. */
  sideEffects?: string | null;
  timeoutSeconds?: number;
  admissionReviewVersions?: string[] | null;
  reinvocationPolicy?: string;
  matchConditions?: MatchCondition[];
}

const failurePolicies = ["Fail", "Ignore"];
const matchPolicies = ["Equivalent", "Exact"];
const sideEffects = ["None", "NoneOnDryRun"];
const allSideEffects = ["None", "NoneOnDryRun", "Some", "Unknown"];
const reinvocationPolicies = ["IfNeeded", "Never"];
const reviewVersions = ["v1", "v1beta1"];
const timeoutSeconds = { min: 1, max: 30 };
const nameSegmentsMin = 3;

/** What an update may keep because it is there already. */
interface Leniency {
  readonly sideEffects: boolean;
  readonly reviewVersions: boolean;
  readonly repeatedNames: boolean;
  readonly matchConditions: boolean;
}

const strict: Leniency = {
  sideEffects: false,
  reviewVersions: false,
  repeatedNames: false,
  matchConditions: false,
};

export const validatingWebhooks = (): Strategy<WebhookConfiguration> => webhookStrategy();
export const mutatingWebhooks = (): Strategy<WebhookConfiguration> => webhookStrategy();

function webhookStrategy(): Strategy<WebhookConfiguration> {
  const expressions = new Expressions();
  /** Only configurations with conditions need CEL. */
  const load = async ({ webhooks = [] }: WebhookConfiguration): Promise<undefined> => {
    if (webhooks.some(({ matchConditions = [] }) => matchConditions.length > 0)) await expressions.load();
    return undefined;
  };
  return {
    namespaced: false,
    metadataOnUpdate: ["object"],
    anyFinalizer: true,
    allowUnconditionalUpdate: false,
    prepareForCreate: (configuration) => {
      configuration.metadata.generation = 1;
      return configuration;
    },
    prepareForUpdate: (next, old) => countWanted(next, old, !deepEqual(next.webhooks, old.webhooks)),
    beginCreate: load,
    beginUpdate: load,
    validate: (configuration) => validate(configuration, strict, expressions),
    validateUpdate: (next, old) => validate(next, leniencyOf(next, old), expressions),
    tableRow: (configuration, now) => [
      nameOf(configuration),
      configuration.webhooks?.length ?? 0,
      age(configuration, now),
    ],
  };
}

function leniencyOf(next: WebhookConfiguration, { webhooks = [] }: WebhookConfiguration): Leniency {
  const conditions = ({ matchConditions }: Webhook): unknown => matchConditions;
  const names = webhooks.map(({ name }) => name);
  return {
    sideEffects: webhooks.some((hook) => !sideEffects.includes(hook.sideEffects ?? "")),
    reviewVersions: webhooks.some(
      ({ admissionReviewVersions: versions }) =>
        !(versions ?? []).some((version) => reviewVersions.includes(version)),
    ),
    repeatedNames: new Set(names).size < names.length,
    matchConditions: deepEqual((next.webhooks ?? []).map(conditions), webhooks.map(conditions)),
  };
}

function validate(
  { webhooks = [] }: WebhookConfiguration,
  lenient: Leniency,
  expressions: Expressions,
): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  webhooks.forEach((hook, i) => {
    const path = `webhooks[${i}]`;
    const { name = "" } = hook;
    errors.push(...validateWebhook(hook, path, { lenient, expressions }));
    errors.push(
      ...validateReviewVersions(
        hook.admissionReviewVersions ?? [],
        `${path}.admissionReviewVersions`,
        lenient,
      ),
    );
    if (lenient.repeatedNames || name === "") return;
    if (names.has(name)) errors.push(field.duplicate(`${path}.name`, name));
    names.add(name);
  });
  return errors;
}

function validateWebhook(
  hook: Webhook,
  path: string,
  { lenient, expressions }: { readonly lenient: Leniency; readonly expressions: Expressions },
): FieldError[] {
  const errors = validateQualifiedName(hook.name ?? "", `${path}.name`);
  (hook.rules ?? []).forEach((rule, i) => {
    errors.push(...validateRule(rule, `${path}.rules[${i}]`));
  });
  const oneOf = (name: string, value: string | null | undefined, supported: readonly string[]): void => {
    if (value === undefined || value === null || supported.includes(value)) return;
    errors.push(field.notSupported(`${path}.${name}`, value, supported));
  };
  oneOf("failurePolicy", hook.failurePolicy, failurePolicies);
  oneOf("matchPolicy", hook.matchPolicy, matchPolicies);
  const allowed = lenient.sideEffects ? allSideEffects : sideEffects;
  if ((hook.sideEffects ?? null) === null) {
    errors.push(field.required(`${path}.sideEffects`, `must specify one of ${allowed.join(", ")}`));
  }
  oneOf("sideEffects", hook.sideEffects, allowed);
  const seconds = hook.timeoutSeconds;
  if (seconds !== undefined && (seconds < timeoutSeconds.min || seconds > timeoutSeconds.max)) {
    const rule = `the timeout value must be between ${timeoutSeconds.min} and ${timeoutSeconds.max} seconds`;
    errors.push(field.invalid(`${path}.timeoutSeconds`, seconds, rule));
  }
  errors.push(
    ...validateLabelSelector(hook.namespaceSelector, `${path}.namespaceSelector`),
    ...validateLabelSelector(hook.objectSelector, `${path}.objectSelector`),
  );
  oneOf("reinvocationPolicy", hook.reinvocationPolicy, reinvocationPolicies);
  errors.push(...validateClientConfig(hook.clientConfig ?? {}, `${path}.clientConfig`));
  if (!lenient.matchConditions) {
    const at = `${path}.matchConditions`;
    errors.push(...validateMatchConditions(hook.matchConditions ?? [], at, { expressions, params: false }));
  }
  return errors;
}

/** At least `a.b.c`. */
function validateQualifiedName(name: string, path: string): FieldError[] {
  if (name === "") return [field.required(path, "")];
  const problems = dns1123SubdomainErrors(name);
  if (problems.length > 0) return [field.invalid(path, name, problems.join(","))];
  if (name.split(".").length >= nameSegmentsMin) return [];
  return [field.invalid(path, name, "should be a domain with at least three segments separated by dots")];
}

function validateReviewVersions(versions: readonly string[], path: string, lenient: Leniency): FieldError[] {
  if (versions.length === 0) {
    return [field.required(path, `must specify one of ${reviewVersions.join(", ")}`)];
  }
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  versions.forEach((version, i) => {
    const at = `${path}[${i}]`;
    if (seen.has(version)) {
      errors.push(field.invalid(at, version, "duplicate version"));
      return;
    }
    seen.add(version);
    for (const text of dns1035LabelErrors(version)) errors.push(field.invalid(at, version, text));
  });
  if (!lenient.reviewVersions && !versions.some((version) => reviewVersions.includes(version))) {
    errors.push(field.invalid(path, versions, `must include at least one of ${reviewVersions.join(", ")}`));
  }
  return errors;
}
