/**
 * etcd's log as it stands on its disk (server/storage/wal), read to know what its database has not got yet.
 *
 *   file   = record │ record │ … │ zeros
 *   record = u64 little endian, bytes in the lower 56 bits, where the highest is set padding in the next three │ walpb.Record │ padding
 *
 * A record's checksum is the CRC-32C of the data of all records so far; a file begins with what it was at the end of the one before.
 */
import { crc32c, emptyBytes } from "../../base/index.ts";
import { decode, type MessageCodec } from "../../wire/index.ts";
import { type StoredCommand, storedCommand } from "./stored-request.ts";

export interface StoredLog {
  /** How many commands are in it, those that the database has included. */
  readonly commands: number;
  /** What the database has not got yet, in order. */
  readonly behind: readonly StoredCommand[];
  /** Whether something of that changes who belongs to the cluster. */
  readonly changesMembers: boolean;
}

const typeEntry = 2;
const typeChecksum = 4;
/** Of an entry: a command, and no change of members. */
const entryNormal = 0;
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
  const commands: number[] = [];
  const behind: Entry[] = [];
  let checksum = 0;
  for await (const { name, bytes } of files)
    for (const { record, offset } of recordsOf(bytes, name)) {
      if (record.type === typeChecksum) {
        checksum = record.crc;
        continue;
      }
      checksum = crc32c(record.data, 0, record.data.length, checksum);
      if (checksum !== record.crc) throw new Error(`${name}: a wrong checksum at offset ${offset}`);
      if (record.type !== typeEntry) continue;
      const entry = decode(Entry, record.data);
      const { index } = entry;
      while ((commands.at(-1) ?? 0) >= index) commands.pop();
      while ((behind.at(-1)?.index ?? 0) >= index) behind.pop();
      if (isCommand(entry)) commands.push(index);
      if (index > appliedIndex) behind.push(entry);
    }
  for (const [i, { index }] of behind.entries())
    if (index !== appliedIndex + 1 + i)
      throw new Error(
        `its log lacks the entry at index ${appliedIndex + 1 + i}, which is not in its database`,
      );
  return {
    commands: commands.length,
    behind: behind.filter(isCommand).flatMap(({ index, data }) => commandAt(index, data) ?? []),
    changesMembers: behind.some(({ type }) => type !== entryNormal),
  };
}

/** A leader's first entry has nothing in it. */
function isCommand({ type, data }: Entry): boolean {
  return type === entryNormal && data.length > 0;
}

function commandAt(index: number, data: Uint8Array): StoredCommand | undefined {
  try {
    return storedCommand(data);
  } catch (error) {
    throw new Error(
      `its log says something at index ${index} that is not understood: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

function* recordsOf(bytes: Uint8Array, name: string): Iterable<{ record: Record; offset: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset + frameBytes <= bytes.length; ) {
    const head = view.getBigUint64(offset, true);
    // What was set aside for later.
    if (head === 0n) return;
    const size = Number(head & ((1n << 56n) - 1n));
    const padding = head >> 63n === 1n ? Number((head >> 56n) & 7n) : 0;
    const start = offset + frameBytes;
    if (size > bytes.length - start) throw new Error(`${name} ends early, in a record at offset ${offset}`);
    yield { record: decode(Record, bytes.subarray(start, start + size)), offset };
    offset = start + size + padding;
  }
}

/** walpb.Record */
interface Record {
  readonly type: number;
  readonly crc: number;
  readonly data: Uint8Array;
}

const Record: MessageCodec<Record> = {
  name: "walpb.Record",
  fields: () => [
    { id: 1, name: "type", protoName: "type", kind: "int64" },
    { id: 2, name: "crc", protoName: "crc", kind: "uint32" },
    { id: 3, name: "data", protoName: "data", kind: "bytes" },
  ],
  write: onlyRead,
  read(r) {
    let type = 0;
    let crc = 0;
    let data: Uint8Array = emptyBytes;
    while (r.more) {
      const tag = r.tag();
      if (tag === 8) type = r.int64();
      else if (tag === 16) crc = r.uint32();
      else if (tag === 26) data = r.bytes();
      else r.skip(tag, Record);
    }
    return { type, crc, data };
  },
};

/** raftpb.Entry */
interface Entry {
  readonly type: number;
  readonly index: number;
  readonly data: Uint8Array;
}

const Entry: MessageCodec<Entry> = {
  name: "raftpb.Entry",
  fields: () => [
    { id: 1, name: "type", protoName: "Type", kind: "int32" },
    { id: 2, name: "term", protoName: "Term", kind: "uint64" },
    { id: 3, name: "index", protoName: "Index", kind: "uint64" },
    { id: 4, name: "data", protoName: "Data", kind: "bytes" },
  ],
  write: onlyRead,
  read(r) {
    let type = 0;
    let index = 0;
    let data: Uint8Array = emptyBytes;
    while (r.more) {
      const tag = r.tag();
      if (tag === 8) type = r.int32();
      else if (tag === 16) r.uint64();
      else if (tag === 24) index = r.uint64();
      else if (tag === 34) data = r.bytes();
      else r.skip(tag, Entry);
    }
    return { type, index, data };
  },
};

function onlyRead(): never {
  throw new Error("nobody writes etcd's log here");
}
