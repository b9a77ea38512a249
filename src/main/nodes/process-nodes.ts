import type { Client } from "../../client/index.ts";
import { type ClusterDns, type ProcessNode, startProcessNode } from "../../node/index.ts";
import type { Machine } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { ensureStorageClass } from "../start-objects/storage-class.ts";
import { raftsmanVersion } from "../version.ts";
import type { RunningNodes } from "./hollow-nodes.ts";

export type { ClusterDns } from "../../node/index.ts";

export interface ProcessNodesOptions {
  readonly client: Client;
  readonly machine: Machine;
  readonly log: Log;
  readonly names: readonly string[];
  /** InternalIP of all of them. */
  readonly address: string;
  /** Of the agent's API of a single node; further ones, and 0, take free ports. */
  readonly port?: number;
  /** Each node has a directory of its name in it. */
  readonly directory: string;
  /** An OCI image layout, for containers of images. */
  readonly images?: string | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  /** How long their heartbeats hold. */
  readonly leaseSeconds?: number;
  /** Where programs ask for names, when that is known; undefined where nobody in the cluster answers. */
  readonly dns?: () => Promise<ClusterDns | undefined>;
  /** PEM of the authority that signed the API server's client certificate. */
  readonly clientCa: string;
}

/** Nodes whose pods are processes of this machine. `detach` leaves pods running for the next start. */
export async function startProcessNodes(
  options: ProcessNodesOptions,
): Promise<RunningNodes & { detach(): Promise<void> }> {
  const { names, directory, port = 0, log, ...shared } = options;
  const stopping = new AbortController();
  const { client, machine } = options;
  void ensureStorageClass({ client, clock: machine.clock, log, signal: stopping.signal });
  const running: ProcessNode[] = [];
  for (const [position, name] of names.entries()) {
    running.push(
      await startProcessNode({
        ...shared,
        log: log.channel("node"),
        name,
        directory: `${directory}/${name}`,
        port: position === 0 ? port : 0,
        version: raftsmanVersion,
      }),
    );
  }
  return {
    registered: Promise.all(running.map(({ registered }) => registered)).then(() => {}),
    async close() {
      stopping.abort();
      await Promise.all(running.map((node) => node.stop()));
    },
    async detach() {
      stopping.abort();
      await Promise.all(running.map((node) => node.detach()));
    },
  };
}
