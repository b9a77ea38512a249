/** What the downward API tells a pod of itself. Pure. */
import { type KubeObject, parseQuantity } from "../../apimachinery/index.ts";
import type { Container, Pod, ResourceFieldRef } from "./pod.ts";

export interface PodPlace {
  readonly nodeName: string;
  readonly hostIp: string;
  readonly podIp: string;
  /** What a container without limits may use. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** @throws Error for a path that the downward API does not know */
export function fieldValue(pod: KubeObject, place: PodPlace, fieldPath: string): string {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (keyed !== null) {
    const map = keyed[1] === "labels" ? metadata.labels : metadata.annotations;
    const key = keyed[2] as string;
    return map !== undefined && Object.hasOwn(map, key) ? (map[key] as string) : "";
  }
  switch (fieldPath) {
    case "metadata.name":
      return metadata.name ?? "";
    case "metadata.namespace":
      return metadata.namespace ?? "";
    case "metadata.uid":
      return (metadata.uid as string | undefined) ?? "";
    case "metadata.labels":
      return mapText(metadata.labels);
    case "metadata.annotations":
      return mapText(metadata.annotations);
    case "spec.nodeName":
      return place.nodeName;
    case "spec.serviceAccountName":
      return spec?.serviceAccountName ?? "";
    case "status.hostIP":
    case "status.hostIPs":
      return place.hostIp;
    case "status.podIP":
    case "status.podIPs":
      return place.podIp;
    default:
      throw new Error(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** `key="value"` a line, sorted, quoted as Go does. */
function mapText(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join("\n");
}

/** A container's limit or request, in units of the divisor, rounded up. @throws Error for an unknown resource */
export function resourceValue(pod: Pod, own: Container, ref: ResourceFieldRef, place: PodPlace): string {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const container =
    ref.containerName === undefined || ref.containerName === ""
      ? own
      : containers.find(({ name }) => name === ref.containerName);
  if (container === undefined) throw new Error(`container ${ref.containerName} not found`);
  const [kind, ...rest] = ref.resource.split(".");
  const resource = rest.join(".");
  if ((kind !== "limits" && kind !== "requests") || resource === "")
    throw new Error(`unsupported container resource : ${ref.resource}`);
  const given = container.resources?.[kind]?.[resource];
  // Who has no limit may use what the node has.
  const text = given ?? (kind === "limits" ? place.allocatable[resource] : undefined) ?? "0";
  const divisor = ref.divisor === undefined || ref.divisor === "0" ? "1" : ref.divisor;
  const { nano } = parseQuantity(text);
  const unit = parseQuantity(divisor).nano;
  return String(unit === 0n ? 0n : (nano + unit - 1n) / unit);
}
