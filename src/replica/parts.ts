import type { Platform } from "../platform/index.ts";
import type { Raft, RaftConfig } from "../raft/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { Wal } from "../wal/index.ts";
import type { ReplicaConfig } from "./config.ts";
import type { Identity } from "./identity.ts";
import type { Images } from "./images.ts";
import type { ReplicaMetrics } from "./metrics.ts";
import type { StateMachine } from "./state-machine.ts";

/** What `openReplica` found on the disk and made of it. */
export interface ReplicaParts {
  readonly platform: Platform;
  readonly config: ReplicaConfig;
  readonly log: Log;
  readonly metrics: ReplicaMetrics;
  readonly identity: Identity;
  /** What the core was made with, and began this life with. */
  readonly raftConfig: RaftConfig;
  readonly state: StateMachine;
  readonly raft: Raft;
  readonly wal: Wal;
  readonly images: Images;
  readonly lock: { release(): Promise<void> };
}
