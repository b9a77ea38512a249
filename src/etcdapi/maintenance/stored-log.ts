/**
 * etcd's log as it stands on its disk (server/storage/wal), read to know whose it is, and what its database has not got yet.
 *
 *   file   = record │ record │ … │ zeros
 *   record = u64 little endian, bytes in the lower 56 bits, where the highest is set padding in the next three │ walpb.Record │ padding
 *
 * A record's checksum is the CRC-32C of the data of all records so far; a file begins with what it was at the end of the one before.
 */
import { crc32c, emptyBytes, type Index, type MemberId, type Term } from "../../base/index.ts";
import { numberIn, storedFields } from "./stored-fields.ts";
import { type StoredMemberChange, storedMemberChange } from "./stored-member-change.ts";
import { type StoredCommand, storedCommand } from "./stored-request.ts";

export interface StoredLog {
  /** Whose log it is. */
  readonly member: MemberId;
  readonly clusterId: bigint;
  /** The last that this member has voted in, or heard of. */
  readonly term: Term;
  /** What was known to be committed. */
  readonly commit: Index;
  /** Of the last entry that is in the database; undefined where the log begins behind it. */
  readonly appliedTerm: Term | undefined;
  /** What the database has not got yet, without a gap: some of it may not have been committed. */
  readonly behind: readonly StoredEntry[];
}

export interface StoredEntry {
  readonly index: Index;
  readonly term: Term;
  /** Undefined: nothing that is kept here. */
  readonly change: StoredCommand | StoredMemberChange | undefined;
}

/** walpb: what a record is. */
const recordType = { metadata: 1, entry: 2, state: 3, checksum: 4, snapshot: 5 } as const;
/** raftpb: what an entry is. */
const entryType = { normal: 0, confChange: 1 } as const;
const frameBytes = 8;

/**
 * `appliedIndex`: up to which the database has it.
 * @throws Error: it is damaged, or its end was cut short by a crash, or what the database lacks is not all there, or not understood
 */
export async function readStoredLog(
  files: AsyncIterable<{ readonly name: string; readonly bytes: Uint8Array }>,
  appliedIndex: number,
): Promise<StoredLog> {
  // An entry takes the place of all from its index on.
  const behind: RaftEntry[] = [];
  const found = { member: 0n, clusterId: 0n, term: 0, commit: 0, appliedTerm: undefined as Term | undefined };
  let checksum = 0;
  for await (const { name, bytes } of files)
    for (const { record, offset } of recordsOf(bytes, name)) {
      const { type, data } = record;
      if (type === recordType.checksum) {
        checksum = record.crc;
        continue;
      }
      checksum = crc32c(data, 0, data.length, checksum);
      if (checksum !== record.crc) throw new Error(`${name}: a wrong checksum at offset ${offset}`);
      if (type === recordType.entry) {
        const entry = raftEntry(data);
        const { index } = entry;
        while ((behind.at(-1)?.index ?? 0) >= index) behind.pop();
        if (index > appliedIndex) behind.push(entry);
        else if (index === appliedIndex) found.appliedTerm = entry.term;
      } else if (type === recordType.metadata) {
        const { varints } = storedFields("etcdserverpb.Metadata", data);
        found.member = varints.get(1) ?? 0n;
        found.clusterId = varints.get(2) ?? 0n;
      } else if (type === recordType.state) {
        const state = storedFields("raftpb.HardState", data);
        found.term = numberIn(state, 1);
        found.commit = numberIn(state, 3);
      } else if (type === recordType.snapshot) {
        const snapshot = storedFields("walpb.Snapshot", data);
        if (numberIn(snapshot, 1) === appliedIndex) found.appliedTerm = numberIn(snapshot, 2) as Term;
      }
    }
  for (const [i, { index }] of behind.entries())
    if (index !== appliedIndex + 1 + i)
      throw new Error(
        `its log lacks the entry at index ${appliedIndex + 1 + i}, which is not in its database: start etcd on it once more, and stop it with SIGTERM`,
      );
  return {
    ...found,
    member: found.member as MemberId,
    term: found.term as Term,
    commit: found.commit as Index,
    behind: behind.map((entry) => ({ index: entry.index, term: entry.term, change: changeOf(entry) })),
  };
}

function changeOf({ index, type, data }: RaftEntry): StoredEntry["change"] {
  // A leader's first word.
  if (data.length === 0) return undefined;
  try {
    if (type === entryType.normal) return storedCommand(data);
    if (type === entryType.confChange) return storedMemberChange(data);
    throw new Error(`an entry of type ${type}`);
  } catch (error) {
    throw new Error(
      `its log says something at index ${index} that is not understood: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

function* recordsOf(bytes: Uint8Array, name: string): Iterable<{ record: WalRecord; offset: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset + frameBytes <= bytes.length; ) {
    const head = view.getBigUint64(offset, true);
    // What was set aside for later.
    if (head === 0n) return;
    const size = Number(head & ((1n << 56n) - 1n));
    const padding = head >> 63n === 1n ? Number((head >> 56n) & 7n) : 0;
    const start = offset + frameBytes;
    if (size > bytes.length - start) throw new Error(`${name} ends early, in a record at offset ${offset}`);
    yield { record: walRecord(bytes.subarray(start, start + size)), offset };
    offset = start + size + padding;
  }
}

interface WalRecord {
  readonly type: number;
  readonly crc: number;
  readonly data: Uint8Array;
}

function walRecord(bytes: Uint8Array): WalRecord {
  const fields = storedFields("walpb.Record", bytes);
  return {
    type: numberIn(fields, 1),
    crc: numberIn(fields, 2),
    data: fields.bytes.get(3) ?? emptyBytes,
  };
}

interface RaftEntry {
  readonly type: number;
  readonly term: Term;
  readonly index: Index;
  readonly data: Uint8Array;
}

function raftEntry(bytes: Uint8Array): RaftEntry {
  const fields = storedFields("raftpb.Entry", bytes);
  return {
    type: numberIn(fields, 1),
    term: numberIn(fields, 2) as Term,
    index: numberIn(fields, 3) as Index,
    data: fields.bytes.get(4) ?? emptyBytes,
  };
}
