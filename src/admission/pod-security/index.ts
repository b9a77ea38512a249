import { deepEqual, errors, type KubeObject } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import { refused } from "../forbidden.ts";
import type { AdmissionPlugin, AdmissionReader, AdmissionRequest } from "../ports.ts";
import { violations } from "./checks.ts";
import { type PodSecurityConfiguration, standardPodSecurity } from "./configuration.ts";
import { isStricter, labelledText, type Policy, policyOf, type Standard, standardText } from "./levels.ts";
import { podsAgainst } from "./namespace-pods.ts";
import type { Container, PodTemplate, Violation } from "./pod.ts";

/** Before the names of what is recorded. */
const recorded = "pod-security.kubernetes.io/";

const namespaces = { group: "", version: "v1", resource: "namespaces" };

/** Subresources of pods that change nothing of what is checked. */
const ignoredSubresources: ReadonlySet<string> = new Set([
  "exec",
  "attach",
  "binding",
  "eviction",
  "log",
  "portforward",
  "proxy",
  "status",
]);

// biome-ignore lint/suspicious/noExplicitAny: objects; the schema has checked their fields.
type Fields = any;

/** Where resources other than pods keep what they make pods from. */
const templates: Readonly<Record<string, (object: Fields) => PodTemplate | undefined>> = {
  "/podtemplates": (object) => object.template,
  "/replicationcontrollers": (object) => object.spec?.template,
  "apps/daemonsets": (object) => object.spec?.template,
  "apps/deployments": (object) => object.spec?.template,
  "apps/replicasets": (object) => object.spec?.template,
  "apps/statefulsets": (object) => object.spec?.template,
  "batch/cronjobs": (object) => object.spec?.jobTemplate?.spec?.template,
  "batch/jobs": (object) => object.spec?.template,
};

/**
 * The Pod Security Standards: the labels of a namespace say which level its pods are held to, refused by (`enforce`) or warned of
 * (`warn`), or what the record of who did what says of them (`audit`). Workloads are only warned of, as their pods are refused. A configuration says what holds without labels, and who and what is exempt.
 */
export function podSecurity({
  reader,
  clock,
  podSecurity: { defaults, exemptions } = standardPodSecurity,
}: {
  readonly reader: AdmissionReader;
  readonly clock: Clock;
  readonly podSecurity?: PodSecurityConfiguration | undefined;
}): AdmissionPlugin {
  const policyIn = async (namespace: string): Promise<Policy | undefined> => {
    const at = { namespace: "", name: namespace };
    const found =
      (await reader.get(namespaces, at)) ?? (await reader.get(namespaces, { ...at, fresh: true }));
    return found === undefined ? undefined : policyOf(found.metadata.labels, defaults).policy;
  };

  const checkNamespace = async (request: AdmissionRequest, object: KubeObject): Promise<void> => {
    if (request.subresource !== "") return;
    const { policy, complaints } = policyOf(object.metadata.labels, defaults);
    const before = request.old === undefined ? undefined : policyOf(request.old.metadata.labels, defaults);
    if (complaints.length > 0 && !(before !== undefined && deepEqual(complaints, before.complaints))) {
      throw errors.invalid(request.kind, request.name || (object.metadata.name ?? ""), complaints);
    }
    const name = object.metadata.name ?? "";
    const isExempt = exemptions.namespaces.has(name);
    if (before === undefined) {
      if (isExempt) warnOfExemption(request, { object, policy, defaults });
      return;
    }
    const [next, last] = [policy.enforce, before.policy.enforce];
    if (next.level === "privileged" || (next.minor === last.minor && !isStricter(next, last))) return;
    if (isExempt) return warnOfExemption(request, { object, policy, defaults });
    const at = { namespace: name, runtimeClasses: exemptions.runtimeClasses };
    for (const warning of await podsAgainst(next, { ...at, reader, clock })) request.warn?.(warning);
  };

  /** Why nobody looks at a request, whatever its pods are like. */
  const exemption = ({ namespace, user }: AdmissionRequest): "namespace" | "user" | undefined => {
    if (exemptions.namespaces.has(namespace)) return "namespace";
    return exemptions.usernames.has(user.name) ? "user" : undefined;
  };
  const isExempt = (request: AdmissionRequest, { spec }: PodTemplate): boolean => {
    const why = exemptions.runtimeClasses.has(spec.runtimeClassName ?? "") ? "runtimeClass" : undefined;
    if (why !== undefined) request.annotate?.(`${recorded}exempt`, why);
    return why !== undefined;
  };

  const checkPod = async (request: AdmissionRequest, pod: KubeObject): Promise<void> => {
    if (ignoredSubresources.has(request.subresource)) return;
    const policy = await policyIn(request.namespace);
    if (policy === undefined) {
      throw errors.internalError(`failed to lookup namespace ${JSON.stringify(request.namespace)}`);
    }
    const all = [policy.enforce, policy.audit, policy.warn];
    if (all.every(({ level }) => level === "privileged")) {
      request.annotate?.(`${recorded}enforce-policy`, "privileged:latest");
      return;
    }
    if (request.operation === "UPDATE" && request.old !== undefined && !changesImages(pod, request.old))
      return;
    const template = pod as Fields as PodTemplate;
    if (isExempt(request, template)) return;
    request.annotate?.(`${recorded}enforce-policy`, standardText(policy.enforce));
    record(request, template, policy.audit);
    const found = violations(template, policy.enforce);
    if (found.length > 0) {
      throw refused(request, `violates PodSecurity "${standardText(policy.enforce)}": ${told(found)}`);
    }
    warn(request, template, policy.warn);
  };

  const checkWorkload = async (request: AdmissionRequest, template: PodTemplate): Promise<void> => {
    const policy = await policyIn(request.namespace);
    if (policy === undefined || isExempt(request, template)) return;
    record(request, template, policy.audit);
    warn(request, template, policy.warn);
  };

  return {
    name: "PodSecurity",
    validate(request) {
      const { operation, object, resource } = request;
      if (operation === "DELETE" || object === undefined) return;
      const which = `${resource.group}/${resource.resource}`;
      if (which === "/namespaces") return checkNamespace(request, object);
      const exempt = exemption(request);
      if (exempt !== undefined) {
        if (which === "/pods" || Object.hasOwn(templates, which))
          request.annotate?.(`${recorded}exempt`, exempt);
        return;
      }
      if (which === "/pods") return checkPod(request, object);
      if (request.subresource !== "" || !Object.hasOwn(templates, which)) return;
      const template = templates[which]?.(object);
      if (template?.spec === undefined) return;
      return checkWorkload(request, { spec: template.spec, metadata: template.metadata ?? {} });
    },
  };
}

/** Whoever labels a namespace that is exempt learns that nothing comes of it. */
function warnOfExemption(
  request: AdmissionRequest,
  {
    object: { metadata },
    policy,
    defaults,
  }: { readonly object: KubeObject; readonly policy: Policy; readonly defaults: Policy },
): void {
  const all = [policy.enforce, policy.audit, policy.warn];
  if (deepEqual(policy, defaults) || all.every(({ level }) => level === "privileged")) return;
  const asked = labelledText(policy, metadata.labels);
  request.warn?.(
    `namespace ${JSON.stringify(metadata.name ?? "")} is exempt from Pod Security, and the policy (${asked}) will be ignored`,
  );
}

function warn(request: AdmissionRequest, pod: PodTemplate, standard: Standard): void {
  const found = violations(pod, standard);
  if (found.length === 0) return;
  request.warn?.(`would violate PodSecurity "${standardText(standard)}": ${told(found)}`);
}

/** Looks only where somebody keeps a record. */
function record(request: AdmissionRequest, pod: PodTemplate, standard: Standard): void {
  if (request.annotate === undefined) return;
  const found = violations(pod, standard);
  if (found.length === 0) return;
  request.annotate(
    `${recorded}audit-violations`,
    `would violate PodSecurity "${standardText(standard)}": ${told(found)}`,
  );
}

function told(found: readonly Violation[]): string {
  return found.map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`)).join(", ");
}

/** Of what can be changed of a pod only images matter, and containers that are added. */
function changesImages({ spec: next }: Fields, { spec: last }: Fields): boolean {
  const differ = (now: readonly Container[] = [], before: readonly Container[] = []): boolean =>
    now.length !== before.length || now.some(({ image }, index) => image !== before[index]?.image);
  if (differ(next.containers, last.containers) || differ(next.initContainers, last.initContainers))
    return true;
  const before = new Map<string, Container>();
  for (const each of last.ephemeralContainers ?? []) before.set(each.name, each);
  const ephemeral: readonly Container[] = next.ephemeralContainers ?? [];
  return ephemeral.some(({ name, image }) => !before.has(name) || before.get(name).image !== image);
}
