import { noMember } from "../../base/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { apiVersion } from "../api-version.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";

/** About this member only, and from what it knows: it answers without a leader, too. */
export function statusMethod(cluster: ClusterInfo): Method {
  return unary(etcdserverpb.MaintenanceService.Status, async () => {
    const status = cluster.status();
    const errors = cluster.alarms().map(({ member, alarm }) => `memberID:${member} alarm:${alarm} `);
    if (status.leader === noMember) errors.unshift("etcdserver: no leader");
    return {
      header: headerOf(status.header),
      version: apiVersion.server,
      dbSize: status.dbSizeBytes,
      leader: status.leader,
      raftIndex: status.committedIndex,
      raftTerm: status.header.term,
      raftAppliedIndex: status.appliedIndex,
      errors,
      dbSizeInUse: status.dbSizeInUseBytes,
      isLearner: status.learner,
      storageVersion: apiVersion.storage,
      dbSizeQuota: status.dbQuotaBytes ?? 0,
      downgradeInfo: {},
    };
  });
}
