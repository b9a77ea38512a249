import { assert, type MemberId } from "../base/index.ts";
import type { ConfChange, ConfState } from "./types.ts";

/*
 * The data of a conf-change entry:
 *
 *   0        1                                    9
 *   ┌────────┬────────────────────────────────────┬──────────────┐
 *   │ change │ member, 64 bits big-endian         │ context …    │
 *   └────────┴────────────────────────────────────┴──────────────┘
 *
 * change: 1 add-voter, 2 add-learner, 3 remove. Members of different versions read each other's log: bytes only get
 * meanings, they never lose them.
 */
const headerBytes = 9;
const changeTypes = ["add-voter", "add-learner", "remove"] as const;

/** The bytes of a conf-change entry. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  const context = change.context;
  const bytes = new Uint8Array(headerBytes + (context?.length ?? 0));
  bytes[0] = changeTypes.indexOf(change.type) + 1;
  new DataView(bytes.buffer).setBigUint64(1, change.member);
  if (context) bytes.set(context, headerBytes);
  return bytes;
}

/** The reverse; undefined for bytes that `encodeConfChange` does not make. A leader lets no such entry into the log. */
export function decodeConfChange(bytes: Uint8Array): ConfChange | undefined {
  const type = changeTypes[(bytes[0] ?? 0) - 1];
  if (type === undefined || bytes.length < headerBytes) return undefined;
  const member = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(1) as MemberId;
  if (member === 0n) return undefined;
  return bytes.length === headerBytes
    ? { type, member }
    : { type, member, context: bytes.subarray(headerBytes) };
}

/** True while the change would leave a configuration that can decide something. */
export function isPossible(conf: ConfState, change: ConfChange): boolean {
  if (conf.votersOutgoing.length > 0) return false;
  if (change.type === "add-voter") return true;
  return conf.voters.some((voter) => voter !== change.member);
}

/**
 * The configuration after the change (thesis, 4.1: one member at a time, so that any majority before overlaps any
 * majority after). The same `conf` when the change is not possible.
 */
export function changed(conf: ConfState, change: ConfChange): ConfState {
  if (!isPossible(conf, change)) return conf;
  const voters = conf.voters.filter((member) => member !== change.member);
  const learners = conf.learners.filter((member) => member !== change.member);
  if (change.type === "add-voter") voters.push(change.member);
  if (change.type === "add-learner") learners.push(change.member);
  assert(voters.length > 0, `removing ${change.member} leaves no voter`);
  return { voters: voters.sort(ascending), votersOutgoing: [], learners: learners.sort(ascending) };
}

function ascending(a: MemberId, b: MemberId): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
