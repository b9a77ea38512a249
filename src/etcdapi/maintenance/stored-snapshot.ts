/** The state of a store as etcd keeps it in its buckets (server/storage/schema), read: the way back from `snapshot-buckets.ts`. */
import type { Index, LeaseId, MemberId, Revision, Term } from "../../base/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import { BboltReader, type PageSource } from "../../bbolt/index.ts";
import type { KeyValue } from "../../kv/index.ts";
import { authpb, decode, etcdserverpb, mvccpb } from "../../wire/index.ts";
import type { ClusterAlarm, ClusterMember, StoreSnapshot } from "../ports.ts";
import { readRevision } from "./revision-key.ts";
import { storedFields } from "./stored-fields.ts";
import { storedMember } from "./stored-member-change.ts";

/** What a snapshot says. Those that it is restored to may be others than its members. */
export interface StoredSnapshot
  extends Pick<StoreSnapshot, "compactRevision" | "leases" | "alarms" | "access"> {
  /** Of the last entry of the log that is in it. */
  readonly appliedIndex: Index;
  /** Of that entry; undefined before etcd 3.5. */
  readonly appliedTerm: Term | undefined;
  readonly members: readonly ClusterMember[];
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
    appliedIndex: Number(meta.get("consistent_index")?.readBigUInt64BE(0) ?? 0) as Index,
    appliedTerm: meta.has("term") ? (Number(meta.get("term")?.readBigUInt64BE(0)) as Term) : undefined,
    // The key is the id, in hexadecimal digits.
    members: await collect("members", (key, value) => ({
      id: BigInt(`0x${key}`) as MemberId,
      ...storedMember(value),
    })),
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

/** leasepb.Lease: int64 ID = 1, TTL = 2, RemainingTTL = 3. */
function leaseOf(value: Buffer): StoredSnapshot["leases"][number] {
  const { varints } = storedFields("leasepb.Lease", value);
  const signed = (field: number) => BigInt.asIntN(64, varints.get(field) ?? 0n);
  return {
    id: signed(1) as LeaseId,
    ttlSeconds: Number(signed(2)),
    remainingTtlSeconds: Math.max(0, Number(signed(3))),
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
