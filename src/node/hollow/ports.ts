import type { Client, Log } from "../../client/index.ts";
import type { Clock, Random } from "../../platform/index.ts";

export interface HollowNodesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface HollowNodeOptions {
  readonly name: string;
  /** "127.0.0.1" by default. */
  readonly address?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** How long its heartbeat holds; it is renewed four times in that. 40 by default. */
  readonly leaseSeconds?: number;
  /** Quantities; 32 CPUs, 256Gi of memory, 110 pods by default. */
  readonly capacity?: Readonly<Record<string, string>>;
  readonly kubeletVersion?: string;
  readonly architecture?: string;
}

/** A registered node. */
export interface HollowNode {
  readonly name: string;
  /** The Node object is there and says Ready. */
  readonly registered: Promise<void>;
  /** Takes the node out of the cluster: deletes its Node and its Lease; its pods' addresses leave the Endpoints with it. */
  stop(): Promise<void>;
  /** Ends without a word, as a machine that lost its power. */
  crash(): void;
}

/** The hollow nodes of one process. */
export interface HollowNodes {
  add(options: HollowNodeOptions): HollowNode;
  /** Stops all. */
  stop(): Promise<void>;
}
