import type { Client, Log } from "../../client/index.ts";
import type { Machine } from "../../platform/index.ts";
import type { ClusterDns } from "./resolv-conf.ts";

export interface ProcessNodeOptions {
  readonly client: Client;
  readonly machine: Machine;
  readonly log: Log;
  readonly name: string;
  /** InternalIP: where the agent is reached, and where pods are that have no address of their own. */
  readonly address: string;
  /** Of the agent's API; 0 takes a free one. */
  readonly port: number;
  /** Where pods' directories are, and the agent's memory of them. */
  readonly directory: string;
  /** An OCI image layout, for containers of images; there are none where left out. Needs Linux and root. */
  readonly images?: string | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  /** How long its heartbeat holds; it is renewed four times in that. 40 by default. */
  readonly leaseSeconds?: number;
  /** Where pods' programs ask for names, when that is known; starts wait for the answer. Nothing is told of it where left out. */
  readonly dns?: () => Promise<ClusterDns | undefined>;
  /** PEM of the authority whose clients may use the agent's API: the API server. */
  readonly clientCa: string;
  /** Of the runtime, as the Node tells it. */
  readonly version: string;
}

/** A node whose pods are processes of this machine. */
export interface ProcessNode {
  readonly name: string;
  /** The Node object is there and says Ready. */
  readonly registered: Promise<void>;
  /** Takes the node out of the cluster, then ends its pods. */
  stop(): Promise<void>;
  /** Ends the agent alone: programs run on, the Node stays, and the next agent of this directory finds them. */
  detach(): Promise<void>;
}
