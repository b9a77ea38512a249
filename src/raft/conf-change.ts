import { assert, type MemberId } from "../base/index.ts";
import type { ConfChange, ConfState, JointChange } from "./types.ts";

/*
 * The data of a conf-change entry:
 *
 *   0        1                                    9
 *   ┌────────┬────────────────────────────────────┬──────────────┐
 *   │ change │ member, 64 bits big-endian         │ context …    │
 *   └────────┴────────────────────────────────────┴──────────────┘
 *
 * change: 1 add-voter, 2 add-learner, 3 remove. 4 is a joint change: the first nine bytes of each of its steps follow, without contexts;
 * 5 leaves it, alone. Members of different versions read each other's log: bytes only get meanings, they never lose them.
 */
const headerBytes = 9;
const changeTypes = ["add-voter", "add-learner", "remove"] as const;
const jointByte = 4;
const leaveJointByte = 5;

/** The bytes of a conf-change entry. */
export function encodeConfChange(change: ConfChange | JointChange): Uint8Array {
  if (change.type === "leave-joint") return new Uint8Array([leaveJointByte]);
  if (change.type === "joint") {
    const steps = change.changes.map(({ type, member }) => encodeConfChange({ type, member }));
    return new Uint8Array([jointByte, ...steps.flatMap((step) => [...step])]);
  }
  const { context } = change;
  const bytes = new Uint8Array(headerBytes + (context?.length ?? 0));
  bytes[0] = changeTypes.indexOf(change.type) + 1;
  new DataView(bytes.buffer).setBigUint64(1, change.member);
  if (context) bytes.set(context, headerBytes);
  return bytes;
}

/** The reverse; undefined for bytes that `encodeConfChange` does not make. A leader lets no such entry into the log. */
export function decodeConfChange(bytes: Uint8Array): ConfChange | JointChange | undefined {
  if (bytes[0] === leaveJointByte) return bytes.length === 1 ? { type: "leave-joint" } : undefined;
  return bytes[0] === jointByte ? decodeJoint(bytes.subarray(1)) : decodeStep(bytes);
}

function decodeJoint(steps: Uint8Array): JointChange | undefined {
  if (steps.length === 0 || steps.length % headerBytes !== 0) return undefined;
  const changes: ConfChange[] = [];
  for (let at = 0; at < steps.length; at += headerBytes) {
    const change = decodeStep(steps.subarray(at, at + headerBytes));
    if (change === undefined) return undefined;
    changes.push(change);
  }
  return { type: "joint", changes };
}

function decodeStep(bytes: Uint8Array): ConfChange | undefined {
  const type = changeTypes[(bytes[0] ?? 0) - 1];
  if (type === undefined || bytes.length < headerBytes) return undefined;
  const member = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(1) as MemberId;
  if (member === 0n) return undefined;
  return bytes.length === headerBytes
    ? { type, member }
    : { type, member, context: bytes.subarray(headerBytes) };
}

/** True while the change would leave a configuration that can decide something. */
export function isPossible(conf: ConfState, change: ConfChange | JointChange): boolean {
  const isJoint = conf.votersOutgoing.length > 0;
  if (change.type === "leave-joint") return isJoint;
  if (isJoint) return false;
  if (change.type === "joint") return isPossibleAtOnce(conf, change.changes);
  if (change.type === "add-voter") return true;
  return conf.voters.some((voter) => voter !== change.member);
}

/** Nobody may be a voter of one half and a learner of the other, nor be named twice. */
function isPossibleAtOnce(conf: ConfState, changes: readonly ConfChange[]): boolean {
  if (new Set(changes.map(({ member }) => member)).size < changes.length) return false;
  if (changes.some(({ type, member }) => type === "add-learner" && conf.voters.includes(member)))
    return false;
  return changes.reduce(stepped, conf).voters.length > 0;
}

/**
 * The configuration after the change. One step at a time any majority before overlaps any majority after (thesis, 4.1); more at once are
 * decided by majorities of both. The same `conf` when the change is not possible.
 */
export function changed(conf: ConfState, change: ConfChange | JointChange): ConfState {
  if (!isPossible(conf, change)) return conf;
  if (change.type === "leave-joint") return { ...conf, votersOutgoing: [] };
  if (change.type === "joint")
    return { ...change.changes.reduce(stepped, conf), votersOutgoing: conf.voters };
  const after = stepped(conf, change);
  assert(after.voters.length > 0, `removing ${change.member} leaves no voter`);
  return after;
}

function stepped(conf: ConfState, { type, member }: ConfChange): ConfState {
  const voters = conf.voters.filter((one) => one !== member);
  const learners = conf.learners.filter((one) => one !== member);
  if (type === "add-voter") voters.push(member);
  if (type === "add-learner") learners.push(member);
  return { voters: voters.sort(ascending), votersOutgoing: [], learners: learners.sort(ascending) };
}

function ascending(a: MemberId, b: MemberId): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
