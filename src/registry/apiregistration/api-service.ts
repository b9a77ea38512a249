import {
  dns1035LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  formatTime,
  type KubeObject,
  pathSegmentErrors,
  portNumberErrors,
} from "../../apimachinery/index.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";
import { age } from "../tables/cells.ts";

/** apiregistration.k8s.io/v1 APIService: who serves a version of a group. */
export interface ApiService extends KubeObject {
  spec: {
    /** Undefined: this server. */
    readonly service?: { readonly namespace: string; readonly name: string; readonly port: number };
    readonly group?: string;
    readonly version?: string;
    readonly insecureSkipTLSVerify?: boolean;
    /** Base64 of PEM. */
    readonly caBundle?: string;
    readonly groupPriorityMinimum: number;
    readonly versionPriority: number;
  };
  status?: { conditions?: ApiServiceCondition[] };
}

export interface ApiServiceCondition {
  type: "Available";
  status: "True" | "False" | "Unknown";
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

const groupPriorityMax = 20_000;
const versionPriorityMax = 1000;

const status: UpdateRules<ApiService> = {
  withoutTable: true,
  allowUnconditionalUpdate: false,
  resetFields: [["spec"], ["metadata"]],
  prepareForUpdate(next, old) {
    next.spec = old.spec;
    const { labels, annotations, finalizers, ownerReferences } = old.metadata;
    next.metadata = {
      ...next.metadata,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ...(ownerReferences && { ownerReferences }),
    };
    return next;
  },
  validateUpdate: ({ status }) =>
    (status?.conditions ?? []).flatMap((condition, index) => {
      const supported = ["True", "False", "Unknown"];
      if (supported.includes(condition.status)) return [];
      return [field.notSupported(`status.conditions[${index}].status`, condition.status, supported)];
    }),
};

export const apiService: Strategy<ApiService> = {
  namespaced: false,
  metadataOnUpdate: ["changes", "object"],
  anyFinalizer: true,
  allowUnconditionalUpdate: false,
  resetFields: [["status"]],
  validateName: nameProblems,
  prepareForCreate(service, { now }) {
    service.status = {};
    // What this server serves itself is there at once.
    if (service.spec.service === undefined) {
      const message = "Local APIServices are always available";
      const condition = { type: "Available", status: "True", reason: "Local", message } as const;
      service.status = { conditions: [{ ...condition, lastTransitionTime: formatTime(now) }] };
    }
    return service;
  },
  validate: ({ spec }) => problemsOf(spec),
  prepareForUpdate(next, old) {
    next.status = old.status ?? {};
    return next;
  },
  validateUpdate: (next) => [
    ...nameProblems(next.metadata.name ?? "", false, next).map((text) =>
      field.invalid("metadata.name", next.metadata.name, text),
    ),
    ...problemsOf(next.spec),
  ],
  status,
  tableRow(service, now) {
    const { service: reference } = service.spec;
    const where = reference === undefined ? "Local" : `${reference.namespace}/${reference.name}`;
    return [service.metadata.name ?? "", where, availability(service), age(service, now)];
  },
};

function availability({ status }: ApiService): string {
  const available = status?.conditions?.find(({ type }) => type === "Available");
  if (available === undefined) return "Unknown";
  if (available.status === "True" || !available.reason) return available.status;
  return `${available.status} (${available.reason})`;
}

function nameProblems(name: string, _isPrefix: boolean, { spec }: ApiService): string[] {
  const texts = pathSegmentErrors(name);
  const wanted = `${spec.version ?? ""}.${spec.group ?? ""}`;
  if (texts.length > 0 || name === wanted) return texts;
  return [`must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`];
}

function problemsOf(spec: ApiService["spec"]): FieldError[] {
  const { group = "", version = "", caBundle = "", insecureSkipTLSVerify = false } = spec;
  const problems: FieldError[] = [];
  if (group === "" && version !== "v1")
    problems.push(
      field.required("spec.group", "only v1 may have an empty group and it better be legacy kube"),
    );
  if (group !== "")
    for (const text of dns1123SubdomainErrors(group)) problems.push(field.invalid("spec.group", group, text));
  for (const text of dns1035LabelErrors(version)) problems.push(field.invalid("spec.version", version, text));
  const priority = (name: "groupPriorityMinimum" | "versionPriority", max: number): void => {
    const value = spec[name];
    if (value <= 0 || value > max)
      problems.push(field.invalid(`spec.${name}`, value, `must be positive and less than ${max}`));
  };
  priority("groupPriorityMinimum", groupPriorityMax);
  priority("versionPriority", versionPriorityMax);
  if (spec.service === undefined) {
    const bytes = Buffer.from(caBundle, "base64").length;
    if (bytes > 0)
      problems.push(
        field.invalid("spec.caBundle", `${bytes} bytes`, "local APIServices may not have a caBundle"),
      );
    if (insecureSkipTLSVerify) {
      const text = "local APIServices may not have insecureSkipTLSVerify";
      problems.push(field.invalid("spec.insecureSkipTLSVerify", true, text));
    }
    return problems;
  }
  const { namespace, name, port } = spec.service;
  if (!namespace) problems.push(field.required("spec.service.namespace", ""));
  if (!name) problems.push(field.required("spec.service.name", ""));
  const texts = portNumberErrors(port);
  if (texts.length > 0)
    problems.push(field.invalid("spec.service.port", port, `port is not valid: ${texts.join(", ")}`));
  if (insecureSkipTLSVerify && caBundle !== "")
    problems.push(
      field.invalid("spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present"),
    );
  return problems;
}
