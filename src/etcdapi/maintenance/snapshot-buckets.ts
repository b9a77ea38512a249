/**
 * The state of the store in the buckets that etcd keeps it in (server/storage/schema), so that etcdutl reads a snapshot, and etcd starts from it.
 */

import { utf8 } from "../../base/index.ts";
import type { Bucket, Entry } from "../../bbolt/index.ts";
import { authpb, encode, etcdserverpb, mvccpb } from "../../wire/index.ts";
import { apiVersion } from "../api-version.ts";
import type { ClusterAlarm, ClusterMember, StoreSnapshot } from "../ports.ts";
import { writeRevision } from "./revision-key.ts";

export function bucketsOf(snapshot: StoreSnapshot): Bucket[] {
  return [
    { name: "key", entries: () => keyEntries(snapshot) },
    bucket("meta", metaEntries(snapshot)),
    bucket("lease", snapshot.leases.map(leaseEntry)),
    bucket("alarm", snapshot.alarms.map(alarmEntry)),
    bucket("cluster", [
      entry("clusterVersion", utf8(apiVersion.cluster)),
      entry("downgrade", utf8(JSON.stringify({ "target-version": "", enabled: false }))),
    ]),
    bucket("members", snapshot.members.map(memberEntry)),
    bucket(
      "members_removed",
      snapshot.removed.map((id) => entry(id.toString(16), utf8("removed"))),
    ),
    bucket("auth", [
      entry("authEnabled", Uint8Array.of(snapshot.access.enabled ? 1 : 0)),
      entry("authRevision", uint64(snapshot.access.revision)),
    ]),
    bucket(
      "authUsers",
      snapshot.access.users.map(({ name, passwordHash, noPassword, roles }) => {
        const user = { name: utf8(name), password: utf8(passwordHash), roles, options: { noPassword } };
        return entry(name, encode(authpb.User, user));
      }),
    ),
    bucket(
      "authRoles",
      snapshot.access.roles.map(({ name, permissions }) => {
        const keyPermission = permissions.map(({ type, key, rangeEnd }) => ({
          permType: permissionTypes.indexOf(type),
          key,
          rangeEnd,
        }));
        return entry(name, encode(authpb.Role, { name: utf8(name), keyPermission }));
      }),
    ),
  ];
}

const permissionTypes = ["read", "write", "readwrite"];

function* keyEntries(snapshot: StoreSnapshot): Iterable<Entry> {
  for (const { kv, sub, deleted } of snapshot.versions()) {
    const key = writeRevision({ main: kv.modRevision, sub, deleted });
    yield { key, value: encode(mvccpb.KeyValue, deleted ? { key: kv.key } : kv) };
  }
}

function metaEntries({ index, term, compactRevision, members }: StoreSnapshot): Entry[] {
  const ids = (learner: boolean) =>
    members
      .filter((member) => member.learner === learner)
      .map(({ id }) => id.toString())
      .join(",");
  const learners = ids(true);
  const confState = `{"voters":[${ids(false)}]${learners === "" ? "" : `,"learners":[${learners}]`},"auto_leave":false}`;
  const compacted = writeRevision({ main: compactRevision, sub: 0, deleted: false });
  return [
    entry("consistent_index", uint64(index)),
    entry("term", uint64(term)),
    entry("confState", utf8(confState)),
    entry("storageVersion", utf8(apiVersion.storage)),
    ...(compactRevision > 0
      ? [entry("scheduledCompactRev", compacted), entry("finishedCompactRev", compacted)]
      : []),
  ];
}

/** leasepb.Lease: int64 ID = 1, TTL = 2, RemainingTTL = 3: the fields of a granting, under other names. */
function leaseEntry(lease: StoreSnapshot["leases"][number]): Entry {
  const { id, ttlSeconds, remainingTtlSeconds } = lease;
  const head = encode(etcdserverpb.LeaseCheckpoint, { ID: id, remaining_TTL: ttlSeconds });
  const rest = varintField(0x18, Math.floor(remainingTtlSeconds));
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigInt64(0, id);
  return { key, value: remainingTtlSeconds > 0 ? Buffer.concat([head, rest]) : head };
}

function varintField(tag: number, value: number): Uint8Array {
  const bytes = [tag];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function alarmEntry({ member, alarm }: ClusterAlarm): Entry {
  const type = etcdserverpb.AlarmType.values[alarm];
  return {
    key: encode(etcdserverpb.AlarmMember, { memberID: member, alarm: type }),
    value: new Uint8Array(0),
  };
}

/** JSON with an id that JSON.stringify could not write. */
function memberEntry({ id, name, peerUrls, clientUrls, learner }: ClusterMember): Entry {
  const rest = JSON.stringify({
    peerURLs: peerUrls,
    ...(learner ? { isLearner: true } : {}),
    ...(name === "" ? {} : { name }),
    ...(clientUrls.length === 0 ? {} : { clientURLs: clientUrls }),
  });
  return entry(id.toString(16), utf8(`{"id":${id},${rest.slice(1)}`));
}

function bucket(name: string, entries: readonly Entry[]): Bucket {
  const sorted = [...entries].sort((a, b) => Buffer.compare(a.key, b.key));
  return { name, entries: () => sorted };
}

function entry(key: string, value: Uint8Array): Entry {
  return { key: utf8(key), value };
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}
