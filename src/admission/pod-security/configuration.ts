import {
  type ConfigurationKind,
  configurationDocument,
  isJsonObject,
  type Json,
  type JsonObject,
} from "../../apimachinery/index.ts";
import { type Policy, type PolicyText, readPolicy, unrestrictedPolicy } from "./levels.ts";

/** What namespaces without labels ask of their pods, and who and what is exempt: pod-security.admission.config.k8s.io/v1. */
export interface PodSecurityConfiguration {
  readonly defaults: Policy;
  readonly exemptions: {
    readonly usernames: ReadonlySet<string>;
    readonly runtimeClasses: ReadonlySet<string>;
    readonly namespaces: ReadonlySet<string>;
  };
}

const nobody: ReadonlySet<string> = new Set();

export const standardPodSecurity: PodSecurityConfiguration = {
  defaults: unrestrictedPolicy,
  exemptions: { usernames: nobody, runtimeClasses: nobody, namespaces: nobody },
};

const podSecurityKind: ConfigurationKind = {
  group: "pod-security.admission.config.k8s.io",
  versions: ["v1", "v1beta1"],
  kind: "PodSecurityConfiguration",
};
const defaultFields = [
  "enforce",
  "enforce-version",
  "audit",
  "audit-version",
  "warn",
  "warn-version",
] as const;

/** @throws Error that names the field */
export function parsePodSecurity(value: Json): PodSecurityConfiguration {
  const { defaults = {}, exemptions = {} } = configurationDocument(value, podSecurityKind);
  const sets = objectOf(exemptions, "exemptions");
  const setOf = (name: string): ReadonlySet<string> => {
    const names = sets[name] ?? [];
    if (!Array.isArray(names) || !names.every((one) => typeof one === "string" && one !== ""))
      throw new Error(`exemptions.${name}: Invalid value: a list of names was expected`);
    return new Set(names as string[]);
  };
  return {
    defaults: defaultsOf(objectOf(defaults, "defaults")),
    exemptions: {
      usernames: setOf("usernames"),
      runtimeClasses: setOf("runtimeClasses"),
      namespaces: setOf("namespaces"),
    },
  };
}

function defaultsOf(fields: JsonObject): Policy {
  const texts: Partial<Record<(typeof defaultFields)[number], string>> = {};
  for (const name of defaultFields) {
    const value = fields[name];
    if (value === undefined || value === "") continue;
    if (typeof value !== "string") throw new Error(`defaults.${name}: a text was expected`);
    texts[name] = value;
  }
  const { policy, complaints } = readPolicy((name: PolicyText) => texts[name], unrestrictedPolicy);
  const [first] = complaints;
  if (first !== undefined)
    throw new Error(`defaults.${first.name}: Invalid value: ${JSON.stringify(first.value)}: ${first.detail}`);
  return policy;
}

function objectOf(value: Json, path: string): JsonObject {
  if (!isJsonObject(value)) throw new Error(`${path}: an object was expected`);
  return value;
}
