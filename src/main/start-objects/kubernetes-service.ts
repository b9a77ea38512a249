/**
 * The Service `default/kubernetes`, by which programs in the cluster find the API: as kube-apiserver makes it at start, with the first
 * address of the service range. Its endpoints are kubernetes-endpoints.ts's.
 */
import { createOrAccept, type EnsureOptions, keep } from "./ensure.ts";

/** Between two looks whether somebody deleted it: upstream's interval. Milliseconds. */
const repairMs = 10_000;

export interface KubernetesServiceOptions extends EnsureOptions {
  /** First of the service range. */
  readonly clusterIp: string;
  /** Where the API listens. */
  readonly port: number;
}

/** Makes it, and makes it again whenever it is gone, until the signal fires. `there`: it is for the first time. */
export function keepKubernetesService(options: KubernetesServiceOptions): { readonly there: Promise<void> } {
  const { client, clusterIp, port } = options;
  const services = { group: "", version: "v1", resource: "services", namespace: "default" };
  const service = {
    metadata: { name: "kubernetes", labels: { component: "apiserver", provider: "kubernetes" } },
    spec: {
      type: "ClusterIP",
      clusterIP: clusterIp,
      ipFamilyPolicy: "SingleStack",
      sessionAffinity: "None",
      ports: [{ name: "https", protocol: "TCP", port: 443, targetPort: port }],
    },
  };
  const attempt = async () => {
    // A read is cheaper than a refused write, and all members start alike.
    const there = await client.list(services, { fieldSelector: "metadata.name=kubernetes" });
    if (there.items.length > 0) return;
    await createOrAccept(client, services, service);
  };
  return keep(options, "the Service kubernetes is", { repairMs, attempt });
}
