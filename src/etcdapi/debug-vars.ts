import type { ServerResponse } from "node:http";
import type { ClusterInfo } from "./ports.ts";

/** What etcd shows at /debug/vars, but for what is Go's (its command line and memory): where this member stands in the log. */
export function sendDebugVars(response: ServerResponse, cluster: ClusterInfo): void {
  const { header, leader, learner, committedIndex, appliedIndex } = cluster.status();
  const status = {
    id: header.memberId.toString(16),
    term: header.term,
    commit: committedIndex,
    lead: leader.toString(16),
    raftState: leader === header.memberId ? "StateLeader" : learner ? "StateLearner" : "StateFollower",
    applied: appliedIndex,
  };
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
  response.end(`{\n"raft.status": ${JSON.stringify(status)}\n}\n`);
}
