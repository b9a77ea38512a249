import {
  type ConfigurationKind,
  configurationDocument,
  dns1123SubdomainErrors,
  isJsonObject,
  type Json,
  type JsonObject,
  parseDuration,
  parseYaml,
} from "../../apimachinery/index.ts";
import { type AuthorizationMode, authorizationModes } from "../../auth/index.ts";
import type { AuthorizationWebhook } from "../config.ts";

const documentKind: ConfigurationKind = {
  group: "apiserver.config.k8s.io",
  versions: ["v1", "v1beta1", "v1alpha1"],
  kind: "AuthorizationConfiguration",
};
const timeoutMsMax = 30_000;
const conditionsMax = 64;
const webhookFields: ReadonlySet<string> = new Set([
  "authorizedTTL",
  "cacheAuthorizedRequests",
  "unauthorizedTTL",
  "cacheUnauthorizedRequests",
  "timeout",
  "subjectAccessReviewVersion",
  "matchConditionSubjectAccessReviewVersion",
  "failurePolicy",
  "connectionInfo",
  "matchConditions",
]);

/**
 * apiserver.config.k8s.io AuthorizationConfiguration (`--authorization-config`): who decides, in this order.
 * @throws Error that names the field, in upstream's words
 */
export function parseAuthorization(text: string): (AuthorizationMode | AuthorizationWebhook)[] {
  const { authorizers } = configurationDocument(parseYaml(text), documentKind);
  if (!Array.isArray(authorizers) || authorizers.length === 0)
    throw new Error("authorizers: Required value: at least one authorization mode must be defined");
  const names = new Set<string>();
  const types = new Set<string>();
  return authorizers.map((value, i) => {
    const path = `authorizers[${i}]`;
    const { type = "", name = "", webhook } = objectOf(value, path);
    if (type === "") throw new Error(`${path}.type: Required value`);
    const mode = authorizationModes.find((known) => known === type);
    if (mode === undefined && type !== "Webhook")
      throw unsupported(`${path}.type`, type, [...authorizationModes, "Webhook"].sort());
    if (mode !== undefined && types.has(mode)) throw duplicate(`${path}.type`, mode);
    types.add(String(type));
    if (typeof name !== "string" || name === "") throw new Error(`${path}.name: Required value`);
    if (names.has(name)) throw duplicate(`${path}.name`, name);
    names.add(name);
    const problems = dns1123SubdomainErrors(name);
    if (problems.length > 0)
      throw new Error(
        `${path}.name: Invalid value: "${name}": authorizer name is invalid: ${problems.join(", ")}`,
      );
    if (mode === undefined && webhook === undefined)
      throw new Error(`${path}.webhook: Required value: required when type=Webhook`);
    if (mode !== undefined && webhook !== undefined)
      throw new Error(`${path}.webhook: Invalid value: "non-null": may only be specified when type=Webhook`);
    return mode ?? webhookOf(objectOf(webhook, `${path}.webhook`), path);
  });
}

/** `path`: of the authorizer, as upstream names the webhook's fields. */
function webhookOf(webhook: JsonObject, path: string): AuthorizationWebhook {
  const unknown = Object.keys(webhook).find((name) => !webhookFields.has(name));
  if (unknown !== undefined) throw new Error(`unknown field "${path}.webhook.${unknown}"`);
  const timeoutMs = durationOf(webhook, "timeout", path);
  if (timeoutMs === undefined) throw new Error(`${path}.timeout: Required value`);
  if (timeoutMs > timeoutMsMax || timeoutMs <= 0)
    throw new Error(
      `${path}.timeout: Invalid value: ${JSON.stringify(webhook["timeout"])}: must be > 0s and <= 30s`,
    );
  const ttl = (field: string, standardMs: number, isCached: Json | undefined): number => {
    const ms = durationOf(webhook, field, path) ?? standardMs;
    if (ms < 0)
      throw new Error(`${path}.${field}: Invalid value: ${JSON.stringify(webhook[field])}: must be > 0s`);
    return isCached === false ? 0 : ms || standardMs;
  };
  const conditions = conditionsOf(webhook, path);
  const reviewed = webhook["matchConditionSubjectAccessReviewVersion"] ?? "";
  if (reviewed === "" && conditions.length > 0)
    throw new Error(
      `${path}.matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified`,
    );
  if (reviewed !== "" && reviewed !== "v1")
    throw unsupported(`${path}.matchConditionSubjectAccessReviewVersion`, reviewed, ["v1"]);
  return {
    version: oneOf(webhook, "subjectAccessReviewVersion", path, ["v1", "v1beta1"]),
    failurePolicy: oneOf(webhook, "failurePolicy", path, ["NoOpinion", "Deny"]),
    timeoutMs,
    authorizedTtlMs: ttl("authorizedTTL", 300_000, webhook["cacheAuthorizedRequests"]),
    unauthorizedTtlMs: ttl("unauthorizedTTL", 30_000, webhook["cacheUnauthorizedRequests"]),
    kubeconfigFile: kubeconfigOf(webhook, path),
    matchConditions: conditions,
    path: `${path}.matchConditions`,
  };
}

function kubeconfigOf(webhook: JsonObject, path: string): string {
  const at = `${path}.connectionInfo`;
  const { type = "", kubeConfigFile: file } = objectOf(webhook["connectionInfo"] ?? {}, at);
  if (type === "") throw new Error(`${at}.type: Required value`);
  if (type === "InClusterConfig")
    throw new Error(`${at}.type: InClusterConfig is not served here: use KubeConfigFile`);
  if (type !== "KubeConfigFile") throw unsupported(`${at}.type`, type, ["InClusterConfig", "KubeConfigFile"]);
  if (typeof file !== "string" || file === "") throw new Error(`${at}.kubeConfigFile: Required value`);
  if (!file.startsWith("/"))
    throw new Error(`${at}.kubeConfigFile: Invalid value: ${JSON.stringify(file)}: must be an absolute path`);
  return file;
}

function conditionsOf({ matchConditions = [] }: JsonObject, path: string): string[] {
  const at = `${path}.matchConditions`;
  if (!Array.isArray(matchConditions)) throw new Error(`${at}: a list was expected`);
  if (matchConditions.length > conditionsMax)
    throw new Error(`${at}: Too many: ${matchConditions.length}: must have at most ${conditionsMax} items`);
  const seen = new Set<string>();
  return matchConditions.map((value, i) => {
    const { expression = "" } = objectOf(value, `${at}[${i}]`);
    if (typeof expression !== "string" || expression.trim() === "")
      throw new Error(`${at}[${i}].expression: Required value`);
    if (seen.has(expression)) throw duplicate(`${at}[${i}].expression`, expression);
    seen.add(expression);
    return expression;
  });
}

/** Milliseconds. */
function durationOf(fields: JsonObject, name: string, path: string): number | undefined {
  const text = fields[name];
  if (text === undefined) return undefined;
  const nanoseconds = typeof text === "string" ? parseDuration(text) : undefined;
  if (nanoseconds === undefined)
    throw new Error(`${path}.${name}: time: invalid duration ${JSON.stringify(text)}`);
  return Number(nanoseconds) / 1_000_000;
}

function oneOf<T extends string>(fields: JsonObject, name: string, path: string, known: readonly T[]): T {
  const value = fields[name] ?? "";
  if (value === "") throw new Error(`${path}.${name}: Required value`);
  const found = known.find((one) => one === value);
  if (found === undefined) throw unsupported(`${path}.${name}`, value, known);
  return found;
}

const unsupported = (path: string, value: Json, known: readonly string[]): Error =>
  new Error(
    `${path}: Unsupported value: ${JSON.stringify(value)}: supported values: ${known.map((one) => `"${one}"`).join(", ")}`,
  );

const duplicate = (path: string, value: string): Error =>
  new Error(`${path}: Duplicate value: ${JSON.stringify(value)}`);

function objectOf(value: Json | undefined, path: string): JsonObject {
  if (!isJsonObject(value)) throw new Error(`${path}: an object was expected`);
  return value;
}
