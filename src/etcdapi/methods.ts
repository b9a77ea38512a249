/** Every method of etcd's API, and what a caller must be to call it. Methods that are not listed answer Unimplemented. */
import type { Caller, Kv } from "../kv/index.ts";
import { etcdserverpb } from "../wire/index.ts";
import { authenticateMethod } from "./auth/authenticate.ts";
import { authDisableMethod, authEnableMethod, authStatusMethod } from "./auth/enable.ts";
import {
  roleAddMethod,
  roleDeleteMethod,
  roleGetMethod,
  roleGrantPermissionMethod,
  roleListMethod,
  roleRevokePermissionMethod,
} from "./auth/roles.ts";
import {
  userAddMethod,
  userChangePasswordMethod,
  userDeleteMethod,
  userGetMethod,
  userGrantRoleMethod,
  userListMethod,
  userRevokeRoleMethod,
} from "./auth/users.ts";
import { guarded } from "./callers.ts";
import { memberAddMethod } from "./cluster/member-add.ts";
import { memberListMethod } from "./cluster/member-list.ts";
import { memberPromoteMethod } from "./cluster/member-promote.ts";
import { memberRemoveMethod } from "./cluster/member-remove.ts";
import { memberUpdateMethod } from "./cluster/member-update.ts";
import { campaignMethod } from "./election/campaign.ts";
import { leaderMethod } from "./election/leader.ts";
import { observeMethod } from "./election/observe.ts";
import { proclaimMethod } from "./election/proclaim.ts";
import { resignMethod } from "./election/resign.ts";
import { servingMethods } from "./health/serving.ts";
import { compactMethod } from "./kv/compact.ts";
import { deleteRangeMethod } from "./kv/delete-range.ts";
import { putMethod } from "./kv/put.ts";
import { rangeMethod } from "./kv/range.ts";
import { rangeStreamMethod } from "./kv/range-stream.ts";
import { txnMethod } from "./kv/txn.ts";
import { grantMethod } from "./lease/grant.ts";
import { keepAliveMethod } from "./lease/keep-alive.ts";
import { leasesMethod } from "./lease/leases.ts";
import { revokeMethod } from "./lease/revoke.ts";
import { timeToLiveMethod } from "./lease/time-to-live.ts";
import { lockMethod } from "./lock/lock.ts";
import { unlockMethod } from "./lock/unlock.ts";
import { alarmMethod } from "./maintenance/alarm.ts";
import { defragmentMethod } from "./maintenance/defragment.ts";
import { downgradeMethod } from "./maintenance/downgrade.ts";
import { hashKvMethod, hashMethod } from "./maintenance/hash.ts";
import { moveLeaderMethod } from "./maintenance/move-leader.ts";
import { snapshotMethod } from "./maintenance/snapshot.ts";
import { statusMethod } from "./maintenance/status.ts";
import type { Method } from "./method.ts";
import type { ClusterInfo, StoreAccess, Who } from "./ports.ts";
import { watchMethod } from "./watch/watch.ts";

/** What methods are made of. */
interface Parts {
  /** For the caller. */
  readonly kv: Kv;
  readonly cluster: ClusterInfo;
  readonly who: Who;
  readonly txnOpsMax: number;
  /** Of one message. */
  readonly messageBytesMax: number;
}

/** Undefined: what it needs is not there. */
type Maker = (parts: Parts) => Method | undefined;

export const makers: readonly Maker[] = [
  ({ kv }) => rangeMethod(kv),
  ({ kv }) => rangeStreamMethod(kv),
  ({ kv }) => putMethod(kv),
  ({ kv }) => deleteRangeMethod(kv),
  ({ kv, txnOpsMax }) => txnMethod(kv, txnOpsMax),
  ({ kv }) => compactMethod(kv),
  ...servingMethods.map((method) => () => method),
  ({ kv, cluster, messageBytesMax }) => watchMethod(kv, cluster, messageBytesMax),
  ({ kv }) => grantMethod(kv),
  ({ kv }) => revokeMethod(kv),
  ({ kv }) => keepAliveMethod(kv),
  ({ kv }) => timeToLiveMethod(kv),
  ({ kv }) => leasesMethod(kv),
  ({ kv }) => lockMethod(kv),
  ({ kv }) => unlockMethod(kv),
  ({ kv }) => campaignMethod(kv),
  ({ kv }) => proclaimMethod(kv),
  ({ kv }) => leaderMethod(kv),
  ({ kv, cluster }) => observeMethod(kv, cluster),
  ({ kv }) => resignMethod(kv),

  forUsers(({ cluster }) => memberListMethod(cluster)),
  forAdmins(({ cluster }) => cluster.addMember && memberAddMethod(cluster, cluster.addMember.bind(cluster))),
  forAdmins(
    ({ cluster }) => cluster.removeMember && memberRemoveMethod(cluster, cluster.removeMember.bind(cluster)),
  ),
  forAdmins(
    ({ cluster }) => cluster.updateMember && memberUpdateMethod(cluster, cluster.updateMember.bind(cluster)),
  ),
  forAdmins(
    ({ cluster }) =>
      cluster.promoteMember && memberPromoteMethod(cluster, cluster.promoteMember.bind(cluster)),
  ),

  forUsers(({ cluster }) => statusMethod(cluster)),
  forSome(
    ({ cluster }) => alarmMethod(cluster),
    (access, caller, request) => {
      if ((request as etcdserverpb.AlarmRequest).action === alarmGet) access.requireUser(caller);
      else access.requireAdmin(caller);
    },
  ),
  forAdmins(({ cluster }) => downgradeMethod(cluster)),
  forAdmins(({ cluster }) => cluster.moveLeader && moveLeaderMethod(cluster.moveLeader.bind(cluster))),
  forAdmins(({ cluster }) => cluster.hash && hashMethod(cluster, cluster.hash.bind(cluster))),
  forAdmins(({ cluster }) => cluster.hashKv && hashKvMethod(cluster, cluster.hashKv.bind(cluster))),
  forAdmins(({ cluster }) => cluster.snapshot && snapshotMethod(cluster.snapshot.bind(cluster))),
  forAdmins(({ cluster }) => cluster.defragment && defragmentMethod(cluster.defragment.bind(cluster))),

  // What these may be asked by whom is the store's to say.
  ...[
    authenticateMethod,
    authEnableMethod,
    authDisableMethod,
    authStatusMethod,
    userAddMethod,
    userDeleteMethod,
    userChangePasswordMethod,
    userGrantRoleMethod,
    userRevokeRoleMethod,
    userGetMethod,
    userListMethod,
    roleAddMethod,
    roleDeleteMethod,
    roleGetMethod,
    roleListMethod,
    roleGrantPermissionMethod,
    roleRevokePermissionMethod,
  ].map(
    (make): Maker =>
      ({ cluster, who }) =>
        cluster.access && make(cluster.access, who),
  ),
];

const alarmGet = etcdserverpb.AlarmRequestAlarmAction.values.GET;

/** For whoever has said who they are. */
function forUsers(make: Maker): Maker {
  return forSome(make, (access, caller) => access.requireUser(caller));
}

function forAdmins(make: Maker): Maker {
  return forSome(make, (access, caller) => access.requireAdmin(caller));
}

function forSome(make: Maker, check: (access: StoreAccess, caller: Caller, request: unknown) => void): Maker {
  return (parts) => {
    const method = make(parts);
    const { access } = parts.cluster;
    if (method === undefined || access === undefined) return method;
    return guarded(method, parts.who, (caller, request) => check(access, caller, request));
  };
}
