import type { KubeObject } from "../apimachinery/index.ts";
import type { AdmissionPlugin, AdmissionReader } from "./ports.ts";

const nodes = { group: "", version: "v1", resource: "nodes" };
const topologyLabels = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

/** A pod has the zone and region of its node as labels, so that its program may learn them: upstream's PodTopologyLabels (KEP-4742). */
export function podTopologyLabels(reader: AdmissionReader): AdmissionPlugin {
  return {
    name: "PodTopologyLabels",
    mutate({ operation, resource, subresource, object }) {
      if (operation !== "CREATE" || resource.resource !== "pods" || resource.group !== "") return;
      if (object === undefined) return;
      // The labels of a Binding become those of the pod.
      const node =
        subresource === "" ? object["spec"]?.nodeName : subresource === "binding" && boundTo(object);
      return node ? copyLabels(reader, node, object) : undefined;
    },
  };
}

function boundTo({ target }: KubeObject): string | undefined {
  return target?.kind === "Node" ? target.name : undefined;
}

async function copyLabels(reader: AdmissionReader, name: string, object: KubeObject): Promise<void> {
  const node = await reader.get(nodes, { namespace: "", name });
  const found = topologyLabels.flatMap((label) => {
    const value = node?.metadata.labels?.[label];
    return value === undefined ? [] : [[label, value] as const];
  });
  if (found.length > 0) object.metadata.labels = { ...object.metadata.labels, ...Object.fromEntries(found) };
}
