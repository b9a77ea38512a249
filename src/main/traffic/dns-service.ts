/**
 * The Service `kube-system/kube-dns`, by which programs in the cluster find DNS at the tenth address of the service range, as installers
 * make it; without a selector, since the server is no pod. A kube-dns that somebody made with a selector is theirs and left alone.
 */
import { deepEqual, StatusError } from "../../apimachinery/index.ts";
import type { EventRecorder } from "../../client/index.ts";
import type { Address } from "../../member/index.ts";
import { createOrAccept, type EnsureOptions, keep } from "../start-objects/ensure.ts";

/** Between two looks whether somebody deleted it. Milliseconds. */
const repairMs = 10_000;
const namespace = "kube-system";
const name = "kube-dns";
const services = { group: "", version: "v1", resource: "services", namespace };
const slices = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices", namespace };
const sliceName = `${name}-raftsman`;
const dnsPort = 53;

export interface DnsServiceOptions extends EnsureOptions {
  readonly recorder: EventRecorder;
  readonly clusterIp: string;
  /** Where the server listens: IPv4. */
  readonly server: Pick<Address, "host" | "port">;
}

/** Makes it, and makes it again whenever it is gone, until the signal fires. `there`: it is for the first time. */
export function keepDnsService(options: DnsServiceOptions): { readonly there: Promise<void> } {
  const { client, clusterIp, server } = options;
  const { host, port } = server;
  const portOf = (portName: string, protocol: string) => ({
    name: portName,
    protocol,
    port: dnsPort,
    targetPort: port,
  });
  const service = {
    metadata: {
      name,
      labels: {
        "k8s-app": "kube-dns",
        "kubernetes.io/cluster-service": "true",
        "kubernetes.io/name": "CoreDNS",
      },
    },
    spec: {
      type: "ClusterIP",
      clusterIP: clusterIp,
      ports: [portOf("dns", "UDP"), portOf("dns-tcp", "TCP")],
    },
  };
  const wanted = {
    addressType: "IPv4",
    endpoints: [{ addresses: [host], conditions: { ready: true, serving: true, terminating: false } }],
    ports: [
      { name: "dns", protocol: "UDP", port },
      { name: "dns-tcp", protocol: "TCP", port },
    ],
  };
  const slice = {
    metadata: {
      name: sliceName,
      labels: {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "dns.raftsman.dev",
      },
    },
    ...wanted,
  };
  const find = async (scope: typeof services, one: string) =>
    (await client.list(scope, { fieldSelector: `metadata.name=${one}` })).items[0];
  const attempt = async () => {
    const found = await find(services, name);
    if (found === undefined) await createOrAccept(client, services, service);
    else if (Object.keys(found["spec"]?.selector ?? {}).length > 0) return;
    const present = await find(slices, sliceName);
    if (present === undefined) return createOrAccept(client, slices, slice);
    // The server took another port this time.
    const { endpoints, ports } = present as unknown as typeof wanted;
    if (endpoints[0]?.addresses[0] !== host || !deepEqual(ports, wanted.ports))
      await client.update(slices, { ...present, ...wanted });
  };
  let complaint = "";
  /** Refused for good, as where its address is another Service's: a person has to know. */
  const told = async () => {
    try {
      await attempt();
      complaint = "";
    } catch (error) {
      if (error instanceof StatusError && error.code < 500 && error.message !== complaint) {
        complaint = error.message;
        const text = `The cluster's DNS has no Service at ${clusterIp}, so pods do not find it: ${complaint}`;
        const object = { apiVersion: "v1", kind: "Service", metadata: { namespace, name } };
        options.recorder.event(object, "Warning", "DNSServiceFailed", text);
      }
      throw error;
    }
  };
  return keep(options, "the Service kube-dns is", { repairMs, attempt: told });
}
