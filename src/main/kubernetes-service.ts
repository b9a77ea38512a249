/**
 * The Service `default/kubernetes`, by which programs in the cluster find the API: as kube-apiserver makes it at start, with the first
 * address of the service range. It gets no Endpoints where the API listens on loopback: no other machine could use them.
 */
import { StatusError } from "../apimachinery/index.ts";
import { type Client, type Log, pause } from "../client/index.ts";
import type { Platform } from "../platform/index.ts";

const retryMs = 500;
/** Between two looks whether somebody deleted it: upstream's interval. Milliseconds. */
const repairMs = 10_000;

export interface KubernetesServiceOptions {
  readonly client: Client;
  readonly platform: Platform;
  readonly log: Log;
  /** First of the service range. */
  readonly clusterIp: string;
  /** Where the API listens. */
  readonly port: number;
  readonly signal: AbortSignal;
}

/** Makes it, and makes it again whenever it is gone, until the signal fires. `there`: it is for the first time. */
export function keepKubernetesService(options: KubernetesServiceOptions): { readonly there: Promise<void> } {
  const there = ensureKubernetesService(options);
  const repair = async () => {
    await there;
    while (!options.signal.aborted) {
      await pause(options.platform.clock, repairMs, options.signal);
      await ensureKubernetesService(options);
    }
  };
  void repair();
  return { there };
}

/** Tries until it is there or the signal fires. */
async function ensureKubernetesService(options: KubernetesServiceOptions): Promise<void> {
  const { client, platform, log, clusterIp, port, signal } = options;
  const namespaces = { group: "", version: "v1", resource: "namespaces" };
  const services = { group: "", version: "v1", resource: "services", namespace: "default" };
  const service = {
    metadata: { name: "kubernetes", labels: { component: "apiserver", provider: "kubernetes" } },
    spec: {
      type: "ClusterIP",
      clusterIP: clusterIp,
      ports: [{ name: "https", protocol: "TCP", port: 443, targetPort: port }],
    },
  };
  const createOrAccept = async (create: () => Promise<unknown>) => {
    try {
      await create();
    } catch (error) {
      if (!(error instanceof StatusError && error.reason === "AlreadyExists")) throw error;
    }
  };
  while (!signal.aborted) {
    try {
      // A read is cheaper than a refused write, and all members start alike.
      const there = await client.list(services, { fieldSelector: "metadata.name=kubernetes" });
      if (there.items.length > 0) return;
      await createOrAccept(() => client.create(namespaces, { metadata: { name: "default" } }));
      await createOrAccept(() => client.create(services, service));
      return;
    } catch (error) {
      log.debug("the Service kubernetes is not there yet", {
        error: error instanceof Error ? error.message : String(error),
      });
      await pause(platform.clock, retryMs, signal);
    }
  }
}
