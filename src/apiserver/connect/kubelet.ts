/** The agent of a node: where it listens, and that it is the one. */
import { errors, type KubeObject } from "../../apimachinery/index.ts";
import type { Connection } from "../../platform/index.ts";
import { dial, type Outbound } from "./outbound.ts";

/** A node's agent tells the SHA-256 of its certificate here; one that does not is taken at its word, as upstream does by default. */
const certificateAnnotation = "raftsman.dev/kubelet-certificate-sha256";

/** In this order; names last, since few nodes have one that resolves. */
const addressTypes = ["InternalIP", "ExternalIP", "InternalDNS", "ExternalDNS", "Hostname"];

export interface KubeletAddress {
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly sha256: string | undefined;
}

/** @throws StatusError where the node has no agent that serves anything */
export function kubeletOf(node: KubeObject): KubeletAddress {
  const name = node.metadata.name ?? "";
  const addresses = (node.status?.addresses ?? []) as { type: string; address: string }[];
  const host = addressTypes
    .map((type) => addresses.find((address) => address.type === type)?.address)
    .find((address) => address !== undefined);
  if (host === undefined) throw errors.internalError("no preferred addresses found; known addresses: []");
  const port: number = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
  if (port === 0) {
    throw errors.serviceUnavailable(
      `node ${name} serves no logs, commands or ports: its agent has no endpoint (status.daemonEndpoints.kubeletEndpoint)`,
    );
  }
  return { node: name, host, port, sha256: node.metadata.annotations?.[certificateAnnotation] };
}

export function connectKubelet(outbound: Outbound, to: KubeletAddress, path: string): Promise<Connection> {
  const { host, port, sha256 } = to;
  return dial(outbound, `https://${host}:${port}${path}`, {
    host,
    port,
    tls: {
      ...outbound.kubeletClient,
      serverName: to.node,
      protocols: ["http/1.1"],
      ...(sha256 === undefined ? { unverified: true } : { sha256 }),
    },
  });
}

/** What the agent takes the request for: one agent may stand for many nodes. */
export const hostHeader = ({ node, port }: KubeletAddress): string => `${node}:${port}`;
