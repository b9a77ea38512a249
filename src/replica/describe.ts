import { fromUtf8, type LeaseId, unreachable } from "../base/index.ts";
import type { Op, Txn } from "../kv/index.ts";
import { decodeConfChange, type Entry } from "../raft/index.ts";
import { type Command, decodeCommand } from "./command.ts";

/** One line about what an entry of the log says. Passwords' hashes are left out. */
export function describeEntry(entry: Entry): string {
  if (entry.type === "conf-change") {
    const change = decodeConfChange(entry.data);
    if (change === undefined) return "a change of members that nobody understands";
    if (change.type === "leave-joint" || change.type === "joint") return change.type;
    const context = change.context === undefined ? "" : ` ${fromUtf8(change.context)}`;
    return `${change.type} ${change.member.toString(16)}${context}`;
  }
  if (entry.data.length === 0) return "a leader's first entry";
  const { command } = decodeCommand(entry.data);
  const { caller } = command;
  return `${describe(command)}${caller === undefined || caller.user === "" ? "" : ` as ${quoted(caller.user)}`}`;
}

function describe(command: Command): string {
  switch (command.type) {
    case "txn":
      return describeTxn(command.txn);
    case "compact":
      return `compact ${command.revision}`;
    case "lease-grant":
      return `lease-grant ${hex(command.id)} for ${command.ttlSeconds} s`;
    case "lease-revoke":
      return `lease-revoke ${hex(command.id)}${command.expiredInTerm === 0 ? "" : `, at its end in term ${command.expiredInTerm}`}`;
    case "lease-checkpoint":
      return `lease-checkpoint ${command.leases.map(({ id, remainingTtlSeconds }) => `${hex(id)} has ${remainingTtlSeconds} s`).join(", ")}`;
    case "member-attributes":
      return `member ${command.member.toString(16)} is ${quoted(command.name)} at ${command.clientUrls.join(", ")}`;
    case "member-peer-urls":
      return `member ${command.member.toString(16)} has peer URLs ${command.peerUrls.join(", ")}`;
    case "alarm":
      return `${command.action} alarm ${command.alarm} of member ${command.member.toString(16)}`;
    case "access": {
      const { change } = command;
      const subject = "user" in change ? ` ${quoted(change.user)}` : "";
      const role = "role" in change ? ` ${quoted(change.role)}` : "";
      return `${change.action}${subject}${role}`;
    }
    default:
      return unreachable(command);
  }
}

function describeTxn({ compare, success, failure }: Txn): string {
  const ops = (list: readonly Op[]) => list.map(describeOp).join("; ") || "nothing";
  if (compare.length === 0) return ops(success);
  const compares = compare.map(({ target, key }) => `${target} of ${text(key)}`).join(", ");
  return `if ${compares} then ${ops(success)} else ${ops(failure)}`;
}

function describeOp(op: Op): string {
  switch (op.type) {
    case "put": {
      const lease = op.lease === 0n ? "" : `, lease ${hex(op.lease)}`;
      return `put ${text(op.key)} (${op.value.length} bytes${lease})`;
    }
    case "delete":
    case "range":
      return `${op.type} ${text(op.key)}${op.rangeEnd === undefined || op.rangeEnd.length === 0 ? "" : ` to ${text(op.rangeEnd)}`}`;
    case "txn":
      return `(${describeTxn(op)})`;
    default:
      return unreachable(op);
  }
}

function text(key: Uint8Array): string {
  return quoted(Buffer.from(key).toString("latin1"));
}

/** Control characters escaped: it is shown on terminals. */
function quoted(value: string): string {
  return JSON.stringify(value).replace(/[\u007f-\u00ff]/g, (one) => `\\x${one.charCodeAt(0).toString(16)}`);
}

function hex(id: LeaseId): string {
  return BigInt.asUintN(64, id).toString(16);
}
