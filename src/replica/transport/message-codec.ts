/** Raft's messages as bytes: type, sender, receiver and term, then what the type has. */
import { type Index, type MemberId, type Term, unreachable } from "../../base/index.ts";
import type { ConfState, Entry, EntryType, Message, SnapshotMeta } from "../../raft/index.ts";
import { BytesReader, MalformedBytesError } from "../bytes-reader.ts";
import { BytesWriter } from "../bytes-writer.ts";

const types = [
  "pre-vote",
  "vote",
  "pre-vote-response",
  "vote-response",
  "append",
  "append-response",
  "heartbeat",
  "heartbeat-response",
  "snapshot",
  "read-index",
  "read-index-response",
  "timeout-now",
  "propose",
] as const satisfies readonly Message["type"][];
const entryTypes: readonly EntryType[] = ["normal", "conf-change"];

export function encodeMessage(message: Message): Uint8Array {
  const writer = new BytesWriter(sizeOf(message));
  writer.byte(types.indexOf(message.type));
  writer.uint64(message.from);
  writer.uint64(message.to);
  writer.number(message.term);
  switch (message.type) {
    case "pre-vote":
    case "vote":
      writer.number(message.lastIndex);
      writer.number(message.lastTerm);
      writer.byte(message.transfer ? 1 : 0);
      break;
    case "pre-vote-response":
    case "vote-response":
      writer.byte(message.granted ? 1 : 0);
      writer.number(message.commit);
      writer.number(message.commitTerm);
      break;
    case "append":
      writer.number(message.prevIndex);
      writer.number(message.prevTerm);
      writer.number(message.commit);
      writer.number(message.entries.length);
      for (const entry of message.entries) writeEntry(writer, entry);
      break;
    case "append-response":
      writer.number(message.index);
      writer.byte(message.rejected ? 1 : 0);
      writer.number(message.hintIndex);
      writer.number(message.hintTerm);
      break;
    case "heartbeat":
      writer.number(message.commit);
      writer.number(message.context);
      break;
    case "heartbeat-response":
    case "read-index":
      writer.number(message.context);
      break;
    case "read-index-response":
      writer.number(message.context);
      writer.number(message.index);
      break;
    case "snapshot":
      writer.bytes(encodeSnapshotMeta(message.snapshot));
      break;
    case "timeout-now":
      break;
    case "propose":
      writer.number(message.entries.length);
      for (const { type, data } of message.entries) {
        writer.byte(entryTypes.indexOf(type));
        writer.bytes(data);
      }
      break;
    default:
      unreachable(message);
  }
  return writer.finish();
}

/** About how many bytes it takes. */
function sizeOf(message: Message): number {
  let bytes = 64;
  if (message.type !== "append" && message.type !== "propose") return bytes;
  for (const { data } of message.entries) bytes += data.length + 24;
  return bytes;
}

/** Entries are views of `bytes`. @throws MalformedBytesError */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new BytesReader(bytes);
  const type = types[reader.byte()];
  const from = reader.uint64() as MemberId;
  const to = reader.uint64() as MemberId;
  const term = reader.number() as Term;
  const index = () => reader.number() as Index;
  const flag = () => reader.byte() !== 0;
  const readTerm = () => reader.number() as Term;
  switch (type) {
    case "pre-vote":
    case "vote":
      return { type, from, to, term, lastIndex: index(), lastTerm: readTerm(), transfer: flag() };
    case "pre-vote-response":
    case "vote-response":
      return { type, from, to, term, granted: flag(), commit: index(), commitTerm: readTerm() };
    case "append":
      return {
        type,
        from,
        to,
        term,
        prevIndex: index(),
        prevTerm: readTerm(),
        commit: index(),
        entries: readEntries(reader),
      };
    case "append-response":
      return {
        type,
        from,
        to,
        term,
        index: index(),
        rejected: flag(),
        hintIndex: index(),
        hintTerm: readTerm(),
      };
    case "heartbeat":
      return { type, from, to, term, commit: index(), context: reader.number() };
    case "heartbeat-response":
    case "read-index":
      return { type, from, to, term, context: reader.number() };
    case "read-index-response":
      return { type, from, to, term, context: reader.number(), index: index() };
    case "snapshot":
      return { type, from, to, term, snapshot: decodeSnapshotMeta(reader.bytes()) };
    case "timeout-now":
      return { type, from, to, term };
    case "propose": {
      const entries: { type: EntryType; data: Uint8Array }[] = [];
      for (let left = reader.count(); left > 0; left--)
        entries.push({ type: readEntryType(reader), data: reader.bytes() });
      return { type, from, to, term, entries };
    }
    case undefined:
      throw new MalformedBytesError("a message of an unknown type");
    default:
      return unreachable(type);
  }
}

export function encodeSnapshotMeta({ index, term, confState }: SnapshotMeta): Uint8Array {
  const writer = new BytesWriter();
  writer.number(index);
  writer.number(term);
  for (const members of [confState.voters, confState.votersOutgoing, confState.learners]) {
    writer.number(members.length);
    for (const member of members) writer.uint64(member);
  }
  return writer.finish();
}

/** @throws MalformedBytesError */
export function decodeSnapshotMeta(bytes: Uint8Array): SnapshotMeta {
  const reader = new BytesReader(bytes);
  const index = reader.number() as Index;
  const term = reader.number() as Term;
  const members = () => {
    const ids: MemberId[] = [];
    for (let left = reader.count(); left > 0; left--) ids.push(reader.uint64() as MemberId);
    return ids;
  };
  const confState: ConfState = { voters: members(), votersOutgoing: members(), learners: members() };
  return { index, term, confState };
}

function writeEntry(writer: BytesWriter, entry: Entry): void {
  writer.number(entry.term);
  writer.number(entry.index);
  writer.byte(entryTypes.indexOf(entry.type));
  writer.bytes(entry.data);
}

function readEntries(reader: BytesReader): Entry[] {
  const entries: Entry[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const term = reader.number() as Term;
    const index = reader.number() as Index;
    entries.push({ term, index, type: readEntryType(reader), data: reader.bytes() });
  }
  return entries;
}

function readEntryType(reader: BytesReader): EntryType {
  const type = entryTypes[reader.byte()];
  if (type === undefined) throw new MalformedBytesError("an entry of an unknown type");
  return type;
}
