import type { KubeObject } from "../apimachinery/index.ts";
import { refused } from "./forbidden.ts";
import { concernsPod, type PodSpec } from "./pods.ts";
import type { AdmissionPlugin, AdmissionReader, AdmissionRequest } from "./ports.ts";

const priorityClasses = { group: "scheduling.k8s.io", version: "v1", resource: "priorityclasses" };

/** Classes that exist on every server. */
const systemClasses: ReadonlyMap<string, number> = new Map([
  ["system-cluster-critical", 2_000_000_000],
  ["system-node-critical", 2_000_001_000],
]);

interface Priority {
  readonly value: number;
  readonly preemptionPolicy: string;
}

const standard: Priority = { value: 0, preemptionPolicy: "PreemptLowerPriority" };

/** Turns the name of a pod's PriorityClass into its number, once, when the pod is created. */
export function priority(reader: AdmissionReader): AdmissionPlugin {
  const priorityOf = async (request: AdmissionRequest, name: string): Promise<Priority> => {
    const found: KubeObject | undefined = await reader.get(priorityClasses, { namespace: "", name });
    if (found !== undefined) {
      return {
        value: found["value"] ?? 0,
        preemptionPolicy: found["preemptionPolicy"] ?? standard.preemptionPolicy,
      };
    }
    const value = systemClasses.get(name);
    if (value === undefined) throw refused(request, `no PriorityClass with name ${name} was found`);
    return { ...standard, value };
  };

  /** The class of pods that name none; the lowest, should a race have marked several. */
  const globalDefault = async (): Promise<KubeObject | undefined> => {
    const marked = (await reader.list(priorityClasses)).filter((found) => found["globalDefault"] === true);
    return marked.reduce<KubeObject | undefined>(
      (lowest, found) =>
        lowest === undefined || (found["value"] ?? 0) < (lowest["value"] ?? 0) ? found : lowest,
      undefined,
    );
  };

  return {
    name: "Priority",
    resources: ["pods", "priorityclasses"],
    async validate(request) {
      const { operation, resource, subresource, object } = request;
      if (resource.group !== priorityClasses.group || resource.resource !== priorityClasses.resource) return;
      if (subresource !== "" || operation === "DELETE" || object?.["globalDefault"] !== true) return;
      const present = (await globalDefault())?.metadata.name;
      if (present === undefined || (operation === "UPDATE" && present === object.metadata.name)) return;
      throw refused(
        request,
        `PriorityClass ${present} is already marked as default. Only one default can exist`,
      );
    },
    async mutate(request) {
      if (!concernsPod(request, { updates: true })) return;
      const spec: PodSpec = request.object?.["spec"];
      if (request.operation === "UPDATE") {
        const old: PodSpec = request.old?.["spec"];
        spec.priority ??= old.priority;
        spec.preemptionPolicy ??= old.preemptionPolicy;
        return;
      }
      if (!spec.priorityClassName) {
        const name = (await globalDefault())?.metadata.name;
        if (name !== undefined) spec.priorityClassName = name;
      }
      const computed = spec.priorityClassName ? await priorityOf(request, spec.priorityClassName) : standard;
      if (spec.priority !== undefined && spec.priority !== computed.value) {
        throw refused(
          request,
          `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${computed.value} from the given PriorityClass name`,
        );
      }
      if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== computed.preemptionPolicy) {
        throw refused(
          request,
          `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${computed.preemptionPolicy} from the given PriorityClass name`,
        );
      }
      spec.priority = computed.value;
      spec.preemptionPolicy = computed.preemptionPolicy;
    },
  };
}
