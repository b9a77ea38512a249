/** The state of a store as etcd keeps it in its buckets (server/storage/schema), read: the way back from `snapshot-buckets.ts`. */
import type { LeaseId, MemberId, Revision } from "../../base/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import { BboltReader, type PageSource } from "../../bbolt/index.ts";
import type { KeyValue } from "../../kv/index.ts";
import { authpb, decode, etcdserverpb, mvccpb } from "../../wire/index.ts";
import type { ClusterAlarm, StoreSnapshot } from "../ports.ts";
import { readRevision } from "./revision-key.ts";

/** What a snapshot says. Those that it is restored to may be others than its members. */
export interface StoredSnapshot
  extends Pick<StoreSnapshot, "compactRevision" | "leases" | "alarms" | "access"> {
  /** Of the last entry of the log that is in it. */
  readonly appliedIndex: number;
  readonly members: readonly { readonly name: string; readonly peerUrls: readonly string[] }[];
  /** Every version of every key that is kept, in the order they were written. A version without a key only stands for its revision. */
  versions(): AsyncIterable<{ readonly kv: KeyValue; readonly sub: number; readonly deleted: boolean }>;
}

const permissionTypes = ["read", "write", "readwrite"] as const;

/** @throws BboltDamagedError, Error: it is a bbolt file, and none of etcd's */
export async function readStoredSnapshot(source: PageSource): Promise<StoredSnapshot> {
  const file = await BboltReader.open(source);
  const collect = async <T>(bucket: string, read: (key: Buffer, value: Buffer) => T): Promise<T[]> => {
    const found: T[] = [];
    for await (const { key, value } of file.entries(bucket)) found.push(read(key, value));
    return found;
  };
  const meta = new Map(await collect("meta", (key, value) => [key.toString(), value] as const));
  if (meta.size === 0) throw new Error("it is a bbolt file, but none of etcd's: there is no bucket meta");
  // A compaction that was begun and not ended is made good.
  const compactions = ["scheduledCompactRev", "finishedCompactRev"].map((name) => {
    const revision = meta.get(name);
    return revision === undefined ? 0 : readRevision(revision).main;
  });
  const auth = new Map(await collect("auth", (key, value) => [key.toString(), value] as const));
  return {
    appliedIndex: Number(meta.get("consistent_index")?.readBigUInt64BE(0) ?? 0),
    members: await collect("members", (_, value) => memberOf(value)),
    compactRevision: Math.max(...compactions) as Revision,
    leases: await collect("lease", (_, value) => leaseOf(value)),
    alarms: (await collect("alarm", alarmOf)).filter((alarm) => alarm !== undefined),
    access: {
      enabled: auth.get("authEnabled")?.[0] === 1,
      revision: auth.has("authRevision") ? Number(auth.get("authRevision")?.readBigUInt64BE(0)) : 0,
      users: await collect("authUsers", (_, value) => userOf(value)),
      roles: await collect("authRoles", (_, value) => roleOf(value)),
    },
    async *versions() {
      for await (const { key, value } of file.entries("key")) {
        const { main, sub, deleted } = readRevision(key);
        const kv = { ...decode(mvccpb.KeyValue, value), modRevision: main as Revision } as KeyValue;
        yield { kv, sub, deleted };
      }
    },
  };
}

/** As JSON. */
function memberOf(value: Buffer): StoredSnapshot["members"][number] {
  const { name, peerURLs } = JSON.parse(value.toString()) as { name?: unknown; peerURLs?: unknown };
  if (!Array.isArray(peerURLs)) throw new Error("a member is damaged");
  return { name: String(name ?? ""), peerUrls: peerURLs.map(String) };
}

/** leasepb.Lease: int64 ID = 1, TTL = 2, RemainingTTL = 3. */
function leaseOf(value: Buffer): StoredSnapshot["leases"][number] {
  const fields = [0n, 0n, 0n, 0n];
  for (let at = 0; at < value.length; ) {
    const field = (value[at++] as number) >> 3;
    let read = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = value[at++];
      if (byte === undefined || shift > 63n) throw new Error("a lease is damaged");
      read |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (field < fields.length) fields[field] = BigInt.asIntN(64, read);
  }
  const [, id = 0n, ttl = 0n, remaining = 0n] = fields;
  return {
    id: id as LeaseId,
    ttlSeconds: Number(ttl),
    remainingTtlSeconds: Math.max(0, Number(remaining)),
  };
}

function alarmOf(key: Buffer): ClusterAlarm | undefined {
  const { memberID, alarm } = decode(etcdserverpb.AlarmMember, key);
  const { NOSPACE, CORRUPT } = etcdserverpb.AlarmType.values;
  const member = memberID as MemberId;
  if (alarm === NOSPACE) return { member, alarm: "NOSPACE" };
  return alarm === CORRUPT ? { member, alarm: "CORRUPT" } : undefined;
}

function userOf(value: Buffer): StoredSnapshot["access"]["users"][number] {
  const { name, password, roles, options } = decode(authpb.User, value);
  return {
    name: fromUtf8(name),
    passwordHash: fromUtf8(password),
    noPassword: options?.noPassword ?? false,
    roles: [...roles].sort(),
  };
}

function roleOf(value: Buffer): StoredSnapshot["access"]["roles"][number] {
  const { name, keyPermission } = decode(authpb.Role, value);
  return {
    name: fromUtf8(name),
    permissions: keyPermission.map(({ permType, key, rangeEnd }) => {
      const type = permissionTypes[permType];
      if (type === undefined) throw new Error(`a permission of kind ${permType} is not known`);
      // Of the file nothing is kept: it is read page by page.
      return { type, key: key.slice(), rangeEnd: rangeEnd.slice() };
    }),
  };
}
