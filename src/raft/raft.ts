import type { Raft, RaftConfig } from "./types.ts";
export function createRaft(config: RaftConfig): Raft {
  throw new Error(`not yet ${config.id}`);
}
