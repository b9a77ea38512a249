/** Who belongs to the cluster. Replicated state: changed only by applied entries, so equal on all members at equal index. */
import { createHash } from "node:crypto";
import { fromUtf8, type MemberId, utf8 } from "../base/index.ts";
import type { ConfChange } from "../raft/index.ts";
import type { RequestId } from "./command.ts";

export interface Member {
  readonly id: MemberId;
  /** Empty until it has started once. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly learner: boolean;
}

/** As etcd names them: the first 8 bytes of the SHA-1 of the sorted peer URLs and the token. */
export function memberIdOf(peerUrls: readonly string[], clusterToken: string): MemberId {
  return firstEightBytes(utf8([...peerUrls].sort().join("") + clusterToken)) as MemberId;
}

/** As etcd names them: the first 8 bytes of the SHA-1 of the sorted member ids. */
export function clusterIdOf(members: readonly MemberId[]): bigint {
  const bytes = Buffer.alloc(members.length * 8);
  const sorted = [...members].sort((a, b) => (a < b ? -1 : 1));
  for (const [position, id] of sorted.entries()) bytes.writeBigUInt64BE(id, position * 8);
  return firstEightBytes(bytes);
}

function firstEightBytes(content: Uint8Array): bigint {
  return createHash("sha1").update(content).digest().readBigUInt64BE(0);
}

/** What a conf-change entry says about the member besides its id. */
export function encodePeerUrls(peerUrls: readonly string[], request?: RequestId): Uint8Array {
  const { member, sequence } = request ?? {};
  return utf8(JSON.stringify({ peerUrls, ...(request && { request: { member: `${member}`, sequence } }) }));
}

function decodeContext(context: Uint8Array): {
  peerUrls: string[];
  request?: { member: string; sequence: number };
} {
  return JSON.parse(fromUtf8(context));
}

/** Who asked for a change, where it was asked for: the members that a cluster begins with nobody did. */
export function requestOf({ context }: ConfChange): RequestId | undefined {
  const request = context && decodeContext(context).request;
  return request && { member: BigInt(request.member) as MemberId, sequence: request.sequence };
}

export class Membership {
  #members = new Map<MemberId, Member>();
  /** Ids that left: they never come back, and nobody listens to them. */
  #removed = new Set<MemberId>();

  get members(): readonly Member[] {
    return [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get(id: MemberId): Member | undefined {
    return this.#members.get(id);
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id);
  }

  apply(change: ConfChange): void {
    if (change.type === "remove") {
      this.#members.delete(change.member);
      this.#removed.add(change.member);
      return;
    }
    const known = this.#members.get(change.member);
    const peerUrls = change.context ? decodeContext(change.context).peerUrls : (known?.peerUrls ?? []);
    const learner = change.type === "add-learner";
    this.#members.set(change.member, {
      name: "",
      clientUrls: [],
      ...known,
      id: change.member,
      peerUrls,
      learner,
    });
  }

  /** What a member says of itself once it has started. */
  setAttributes(id: MemberId, { name, clientUrls }: { name: string; clientUrls: readonly string[] }): void {
    const known = this.#members.get(id);
    if (known) this.#members.set(id, { ...known, name, clientUrls });
  }

  /** Equal states give equal bytes. */
  image(): Uint8Array {
    const members = this.members.map((member) => ({ ...member, id: member.id.toString() }));
    return utf8(JSON.stringify({ members, removed: [...this.#removed].map(String).sort() }));
  }

  restore(image: Uint8Array): void {
    const { members, removed } = JSON.parse(fromUtf8(image)) as {
      members: (Omit<Member, "id"> & { id: string })[];
      removed: string[];
    };
    this.#members = new Map(
      members.map((member) => [
        BigInt(member.id) as MemberId,
        { ...member, id: BigInt(member.id) as MemberId },
      ]),
    );
    this.#removed = new Set(removed.map((id) => BigInt(id) as MemberId));
  }
}
