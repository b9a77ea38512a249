import type { Draft, etcdserverpb } from "../../wire/index.ts";
import type { ClusterMember } from "../ports.ts";

export function memberOf(member: ClusterMember): Draft<etcdserverpb.Member> {
  return {
    ID: member.id,
    name: member.name,
    peerURLs: member.peerUrls,
    clientURLs: member.clientUrls,
    isLearner: member.learner,
  };
}
