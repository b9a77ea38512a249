/** The life of a member before it came here: where in its cluster's log it was, and what stands there behind its state. */
import type { AccessCommand, Passwords } from "../access/index.ts";
import { emptyBytes, type Index, type MemberId, noMember, type Term } from "../base/index.ts";
import { type ConfChange, type Entry, encodeConfChange } from "../raft/index.ts";
import { type Command, encodeCommand } from "./command.ts";
import type { Identity } from "./identity.ts";
import { encodePeerUrls, type Member } from "./membership.ts";

export interface Past {
  readonly identity: Identity;
  /** As of the state. */
  readonly members: readonly Member[];
  /** The last entry that is in the state. */
  readonly position: { readonly index: Index; readonly term: Term };
  /** The first in which this member has not voted, and not before that of any entry. */
  readonly term: Term;
  /** At least that of the position. */
  readonly commit: Index;
  /** Behind the position, without a gap. */
  readonly entries: readonly PastEntry[];
}

interface PastEntry {
  readonly index: Index;
  readonly term: Term;
  /** Undefined: it changes nothing, and keeps its place. */
  readonly change: PastCommand | PastMemberChange | undefined;
}

/** A password is hashed, and then takes the place of the hash. */
type PastCommand = Command & { readonly password?: string };

interface PastMemberChange {
  readonly type: "member-change";
  readonly change: ConfChange["type"];
  readonly member: MemberId;
  readonly peerUrls?: readonly string[];
}

/** Nobody waits for an answer to what was asked for in the past. */
const nobody = { member: noMember, sequence: 0 };

export async function entriesOf(past: readonly PastEntry[], passwords: Passwords): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const { change, ...at } of past)
    if (change?.type === "member-change")
      entries.push({ ...at, type: "conf-change", data: confChange(change) });
    else {
      const data = change === undefined ? emptyBytes : encodeCommand(nobody, await hashed(change, passwords));
      entries.push({ ...at, type: "normal", data });
    }
  return entries;
}

function confChange({ change, member, peerUrls }: PastMemberChange): Uint8Array {
  const context = peerUrls === undefined ? {} : { context: encodePeerUrls(peerUrls) };
  return encodeConfChange({ type: change, member, ...context });
}

async function hashed({ password, ...command }: PastCommand, passwords: Passwords): Promise<Command> {
  if (command.type !== "access" || password === undefined) return command;
  const passwordHash = await passwords.hash(password);
  return { ...command, change: { ...command.change, passwordHash } as AccessCommand };
}
