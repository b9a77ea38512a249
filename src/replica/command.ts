/**
 * What the log says: one command an entry, in bytes that every member reads alike.
 *
 *   u64 member │ f64 sequence │ [ u8 as │ text user │ f64 revision ] │ u8 type │ fields of the type
 *
 * Numbers that clients choose (revisions, versions, limits, times) are doubles, for they may be anything; counts and lengths are varints.
 *
 * member and sequence name the request, so that the member that proposed it knows its outcome. Types and fields only get added: a log
 * may be older than the program that reads it. An entry without bytes is a leader's first word and no command. `as` names the client whose rights
 * count; without it the member itself speaks, and may do everything.
 */
import type { AccessCommand } from "../access/index.ts";
import { type LeaseId, type MemberId, type Revision, type Term, unreachable } from "../base/index.ts";
import {
  anonymous,
  type Caller,
  type Compare,
  type KeyRange,
  type Op,
  type PutOp,
  type SortOrder,
  type SortTarget,
  type Txn,
} from "../kv/index.ts";
import { accessCommandOf, accessCommandText } from "./access-command.ts";
import { type Alarm, alarmTypes } from "./alarms.ts";
import { BytesReader, MalformedBytesError } from "./bytes-reader.ts";
import { BytesWriter } from "./bytes-writer.ts";
import { txnDepthMax } from "./limits.ts";

export type Command = Order & { readonly caller?: Caller };

type Order =
  | { readonly type: "txn"; readonly txn: Txn }
  | { readonly type: "compact"; readonly revision: Revision }
  | { readonly type: "lease-grant"; readonly id: LeaseId; readonly ttlSeconds: number }
  | {
      readonly type: "lease-revoke";
      readonly id: LeaseId;
      /** Of the leader that saw it expire: in any other term its clock does not count. 0: a client asked. */
      readonly expiredInTerm: Term;
    }
  | {
      readonly type: "lease-checkpoint";
      readonly leases: readonly { id: LeaseId; remainingTtlSeconds: number }[];
      /** Of the leader that counted: in a later one a lease may have been renewed since. 0: it counts in any, as in logs from before there was this. */
      readonly countedInTerm: Term;
    }
  | {
      readonly type: "member-attributes";
      readonly member: MemberId;
      readonly name: string;
      readonly clientUrls: readonly string[];
    }
  | ({ readonly type: "alarm"; readonly action: "activate" | "deactivate" } & Alarm)
  | {
      readonly type: "member-peer-urls";
      readonly member: MemberId;
      readonly peerUrls: readonly string[];
    }
  | { readonly type: "access"; readonly change: AccessCommand };

/** Who asked. The sequence is a safe integer. */
export interface RequestId {
  readonly member: MemberId;
  readonly sequence: number;
}

const types = [
  "txn",
  "compact",
  "lease-grant",
  "lease-revoke",
  "lease-checkpoint",
  "member-attributes",
  "alarm",
  "member-peer-urls",
  "access",
] as const;
/** Not a type of command: the next byte is. */
const typeAs = 0xff;
const alarmActions = ["activate", "deactivate"] as const;
const opTypes = ["put", "delete", "range", "txn"] as const;
const compareTargets = ["version", "create", "mod", "value", "lease"] as const;
const compareResults = ["equal", "notEqual", "greater", "less"] as const;
const sortTargets: readonly SortTarget[] = ["key", "version", "create", "mod", "value"];

export function encodeCommand(id: RequestId, command: Command): Uint8Array {
  const writer = new BytesWriter(sizeOf(command));
  writer.uint64(id.member);
  writer.float64(id.sequence);
  if (command.caller !== undefined) {
    writer.byte(typeAs);
    writer.text(command.caller.user);
    writer.float64(command.caller.revision);
  }
  writer.byte(types.indexOf(command.type));
  switch (command.type) {
    case "txn":
      writeTxn(writer, command.txn);
      break;
    case "compact":
      writer.float64(command.revision);
      break;
    case "lease-grant":
      writer.uint64(command.id);
      writer.float64(command.ttlSeconds);
      break;
    case "lease-revoke":
      writer.uint64(command.id);
      writer.number(command.expiredInTerm);
      break;
    case "lease-checkpoint":
      writer.number(command.leases.length);
      for (const lease of command.leases) {
        writer.uint64(lease.id);
        writer.float64(lease.remainingTtlSeconds);
      }
      writer.number(command.countedInTerm);
      break;
    case "member-attributes":
      writer.uint64(command.member);
      writer.text(command.name);
      writer.number(command.clientUrls.length);
      for (const url of command.clientUrls) writer.text(url);
      break;
    case "alarm":
      writer.byte(alarmActions.indexOf(command.action));
      writer.byte(alarmTypes.indexOf(command.alarm));
      writer.uint64(command.member);
      break;
    case "member-peer-urls":
      writer.uint64(command.member);
      writer.number(command.peerUrls.length);
      for (const url of command.peerUrls) writer.text(url);
      break;
    case "access":
      writer.text(accessCommandText(command.change));
      break;
    default:
      unreachable(command);
  }
  return writer.finish();
}

/** About how many bytes it takes: exactly for puts, which are most, so that nothing is left over; no harm where it is wrong. */
function sizeOf(command: Command): number {
  if (command.type !== "txn") return 128;
  const { compare, success, failure } = command.txn;
  let bytes =
    requestIdBytes +
    (command.caller ? 10 + command.caller.user.length : 0) +
    1 +
    sizeOfNumber(compare.length) +
    64 * compare.length;
  for (const ops of [success, failure]) {
    bytes += sizeOfNumber(ops.length);
    for (const op of ops) bytes += op.type === "put" ? sizeOfPut(op) : 128;
  }
  return bytes;
}

const requestIdBytes = 16;

function sizeOfPut({ key, value }: PutOp): number {
  return 10 + sizeOfNumber(key.length) + key.length + sizeOfNumber(value.length) + value.length;
}

/** Of a length, as a varint. */
function sizeOfNumber(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/** @throws MalformedBytesError */
export function decodeCommand(bytes: Uint8Array): { id: RequestId; command: Command } {
  const reader = new BytesReader(bytes);
  const id = { member: reader.uint64() as MemberId, sequence: reader.float64() };
  const first = reader.byte();
  if (first !== typeAs) return { id, command: readOrder(reader, first) };
  const user = reader.text();
  const revision = reader.float64();
  const caller = user === "" ? anonymous : { user, revision };
  return { id, command: { ...readOrder(reader, reader.byte()), caller } };
}

function readOrder(reader: BytesReader, position: number): Order {
  const type = pick(types, position);
  switch (type) {
    case "txn":
      return { type, txn: readTxn(reader, 0) };
    case "compact":
      return { type, revision: reader.float64() as Revision };
    case "lease-grant":
      return { type, id: readLease(reader), ttlSeconds: reader.float64() };
    case "lease-revoke":
      return { type, id: readLease(reader), expiredInTerm: reader.number() as Term };
    case "lease-checkpoint": {
      const leases = list(reader, () => ({ id: readLease(reader), remainingTtlSeconds: reader.float64() }));
      return { type, leases, countedInTerm: (reader.left > 0 ? reader.number() : 0) as Term };
    }
    case "member-attributes": {
      const member = reader.uint64() as MemberId;
      const name = reader.text();
      return { type, member, name, clientUrls: list(reader, () => reader.text()) };
    }
    case "alarm": {
      const action = pick(alarmActions, reader.byte());
      const alarm = pick(alarmTypes, reader.byte());
      return { type, action, alarm, member: reader.uint64() as MemberId };
    }
    case "member-peer-urls": {
      const member = reader.uint64() as MemberId;
      return { type, member, peerUrls: list(reader, () => reader.text()) };
    }
    case "access":
      return { type, change: accessCommandOf(reader.text()) };
    default:
      return unreachable(type);
  }
}

function writeTxn(writer: BytesWriter, txn: Txn): void {
  writer.number(txn.compare.length);
  for (const compare of txn.compare) writeCompare(writer, compare);
  for (const ops of [txn.success, txn.failure]) {
    writer.number(ops.length);
    for (const op of ops) writeOp(writer, op);
  }
}

function readTxn(reader: BytesReader, depth: number): Txn {
  if (depth > txnDepthMax) throw new MalformedBytesError(`transactions nested deeper than ${txnDepthMax}`);
  return {
    compare: list(reader, readCompare),
    success: list(reader, readOp, depth),
    failure: list(reader, readOp, depth),
  };
}

function writeCompare(writer: BytesWriter, compare: Compare): void {
  writer.byte(compareTargets.indexOf(compare.target));
  writer.byte(compareResults.indexOf(compare.result));
  writeKeyRange(writer, compare);
  switch (compare.target) {
    case "version":
      return writer.float64(compare.version);
    case "create":
    case "mod":
      return writer.float64(compare.revision);
    case "value":
      return writer.bytes(compare.value);
    case "lease":
      return writer.uint64(compare.lease);
    default:
      unreachable(compare);
  }
}

function readCompare(reader: BytesReader): Compare {
  const target = pick(compareTargets, reader.byte());
  const result = pick(compareResults, reader.byte());
  const range = readKeyRange(reader);
  switch (target) {
    case "version":
      return { target, result, ...range, version: reader.float64() };
    case "create":
    case "mod":
      return { target, result, ...range, revision: reader.float64() as Revision };
    case "value":
      return { target, result, ...range, value: reader.bytes() };
    case "lease":
      return { target, result, ...range, lease: readLease(reader) };
    default:
      return unreachable(target);
  }
}

/** Flags of a put. */
const putPrevKv = 1;
const putIgnoreValue = 2;
const putIgnoreLease = 4;
/** Flags of a range. */
const rangeKeysOnly = 1;
const rangeCountOnly = 2;
const rangeSorted = 4;
const rangeDescends = 8;
const rangeWithoutOrder = 16;

function writeOp(writer: BytesWriter, op: Op): void {
  writer.byte(opTypes.indexOf(op.type));
  switch (op.type) {
    case "put":
      writer.byte(
        (op.prevKv ? putPrevKv : 0) |
          (op.ignoreValue ? putIgnoreValue : 0) |
          (op.ignoreLease ? putIgnoreLease : 0),
      );
      writer.bytes(op.key);
      writer.bytes(op.value);
      return writer.uint64(op.lease);
    case "delete":
      writer.byte(op.prevKv ? 1 : 0);
      return writeKeyRange(writer, op);
    case "range":
      writer.byte(
        (op.keysOnly ? rangeKeysOnly : 0) |
          (op.countOnly ? rangeCountOnly : 0) |
          (op.sort ? rangeSorted : 0) |
          (op.sort?.order === "descend" ? rangeDescends : 0) |
          (op.sort?.order === "none" ? rangeWithoutOrder : 0),
      );
      if (op.sort) writer.byte(sortTargets.indexOf(op.sort.target));
      writeKeyRange(writer, op);
      for (const number of [
        op.revision,
        op.limit,
        op.minModRevision,
        op.maxModRevision,
        op.minCreateRevision,
        op.maxCreateRevision,
      ]) {
        writer.float64(number ?? 0);
      }
      return;
    case "txn":
      return writeTxn(writer, op);
    default:
      unreachable(op);
  }
}

function readOp(reader: BytesReader, depth: number): Op {
  const type = pick(opTypes, reader.byte());
  switch (type) {
    case "put": {
      const flags = reader.byte();
      return {
        type,
        key: reader.bytes(),
        value: reader.bytes(),
        lease: readLease(reader),
        prevKv: (flags & putPrevKv) !== 0,
        ignoreValue: (flags & putIgnoreValue) !== 0,
        ignoreLease: (flags & putIgnoreLease) !== 0,
      };
    }
    case "delete": {
      const prevKv = reader.byte() !== 0;
      return { type, prevKv, ...readKeyRange(reader) };
    }
    case "range": {
      const flags = reader.byte();
      const sort = (flags & rangeSorted) === 0 ? undefined : pick(sortTargets, reader.byte());
      return {
        type,
        ...readKeyRange(reader),
        ...(sort ? { sort: { target: sort, order: sortOrderOf(flags) } } : {}),
        keysOnly: (flags & rangeKeysOnly) !== 0,
        countOnly: (flags & rangeCountOnly) !== 0,
        revision: reader.float64() as Revision,
        limit: reader.float64(),
        minModRevision: reader.float64() as Revision,
        maxModRevision: reader.float64() as Revision,
        minCreateRevision: reader.float64() as Revision,
        maxCreateRevision: reader.float64() as Revision,
      };
    }
    case "txn":
      return { type, ...readTxn(reader, depth + 1) };
    default:
      return unreachable(type);
  }
}

function sortOrderOf(flags: number): SortOrder {
  if ((flags & rangeWithoutOrder) !== 0) return "none";
  return (flags & rangeDescends) === 0 ? "ascend" : "descend";
}

function writeKeyRange(writer: BytesWriter, { key, rangeEnd }: KeyRange): void {
  writer.byte(rangeEnd ? 1 : 0);
  writer.bytes(key);
  if (rangeEnd) writer.bytes(rangeEnd);
}

function readKeyRange(reader: BytesReader): KeyRange {
  const hasEnd = reader.byte() !== 0;
  const key = reader.bytes();
  return hasEnd ? { key, rangeEnd: reader.bytes() } : { key };
}

/** Lease ids are signed. */
function readLease(reader: BytesReader): LeaseId {
  return BigInt.asIntN(64, reader.uint64()) as LeaseId;
}

function list<T>(reader: BytesReader, read: (reader: BytesReader, depth: number) => T, depth = 0): T[] {
  const items: T[] = [];
  for (let left = reader.count(); left > 0; left--) items.push(read(reader, depth));
  return items;
}

function pick<T>(choices: readonly T[], position: number): T {
  const choice = choices[position];
  if (choice === undefined) throw new MalformedBytesError(`no meaning for ${position}`);
  return choice;
}
