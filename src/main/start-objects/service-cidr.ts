/** The ServiceCIDR `kubernetes`, which shows the range that the server was started with: as kube-apiserver makes and keeps it. */
import { deepEqual, formatTime } from "../../apimachinery/index.ts";
import { createOrAccept, type EnsureOptions, keep } from "./ensure.ts";

const serviceCidrs = { group: "networking.k8s.io", version: "v1", resource: "servicecidrs" };
const name = "kubernetes";
/** Between two looks whether somebody deleted it: upstream's interval. Milliseconds. */
const repairMs = 60_000;

export interface ServiceCidrOptions extends EnsureOptions {
  /** Ranges of addresses, one of each family. */
  readonly cidrs: readonly string[];
}

/** Makes it, and makes it again whenever it is gone, until the signal fires. `there`: it is for the first time. */
export function keepServiceCidr(options: ServiceCidrOptions): { readonly there: Promise<void> } {
  const { client, clock, log, cidrs } = options;
  const attempt = async () => {
    const query = { fieldSelector: `metadata.name=${name}` };
    let [found] = (await client.list(serviceCidrs, query)).items;
    if (found === undefined) {
      await createOrAccept(client, serviceCidrs, { metadata: { name }, spec: { cidrs } });
      [found] = (await client.list(serviceCidrs, query)).items;
    }
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
    if (!deepEqual(found["spec"]?.cidrs, cidrs)) {
      log.warn("the ServiceCIDR kubernetes shows other ranges than this server hands out", {
        shown: found["spec"]?.cidrs,
        own: cidrs,
      });
      return;
    }
    const conditions = (found["status"]?.conditions ?? []) as { type?: string }[];
    if (conditions.some(({ type }) => type === "Ready")) return;
    await client.patch(serviceCidrs, name, {
      type: "apply",
      subresource: "status",
      fieldManager: "kubernetes-service-cidr-controller",
      force: true,
      body: {
        apiVersion: "networking.k8s.io/v1",
        kind: "ServiceCIDR",
        metadata: { name },
        status: {
          conditions: [
            {
              type: "Ready",
              status: "True",
              message: "Kubernetes default Service CIDR is ready",
              lastTransitionTime: formatTime(clock.now()),
            },
          ],
        },
      },
    });
  };
  return keep(options, "the ServiceCIDR kubernetes is", { repairMs, attempt });
}
