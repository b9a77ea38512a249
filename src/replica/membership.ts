/** Who belongs to the cluster. Replicated state: changed only by applied entries, so equal on all members at equal index. */
import { createHash } from "node:crypto";
import { fromUtf8, type MemberId, utf8 } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { ConfChange } from "../raft/index.ts";
import type { RequestId } from "./command.ts";
import { learnersMaxDefault } from "./limits.ts";

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

/**
 * Of a member that is added to a running cluster: the time, in whole seconds, stands where the token stands for the first
 * members, so that a machine that comes back has another id than in its first life.
 */
export function addedMemberIdOf(peerUrls: readonly string[], nowSeconds: number): MemberId {
  return memberIdOf(peerUrls, String(nowSeconds));
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

/** The context of a change that says nothing new about the member's address: its promotion, its removal. */
export function encodeRequest({ member, sequence }: RequestId): Uint8Array {
  return utf8(JSON.stringify({ request: { member: `${member}`, sequence } }));
}

function decodeContext(context: Uint8Array): {
  peerUrls?: string[];
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
  readonly #learnersMax: number;
  #members = new Map<MemberId, Member>();
  /** Ids that left: they never come back, and nobody listens to them. */
  #removed = new Set<MemberId>();

  constructor(learnersMax = learnersMaxDefault) {
    this.#learnersMax = learnersMax;
  }

  get members(): readonly Member[] {
    return [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  get(id: MemberId): Member | undefined {
    return this.#members.get(id);
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id);
  }

  /**
   * Why a change that somebody asked for must not come into force. Asked again when its entry is applied, for others may have come
   * before it: the answer is the same on all members, for it looks at nothing but replicated state.
   */
  refusal({ type, member, context }: ConfChange): KvError | undefined {
    const { peerUrls, request } = context ? decodeContext(context) : {};
    // The members that a cluster begins with were checked by whoever wrote them down.
    if (request === undefined) return undefined;
    const known = this.#members.get(member);
    if (type === "remove") {
      if (known === undefined) return memberNotFound();
      return !known.learner && this.voters.length === 1 ? notEnoughStarted() : undefined;
    }
    if (peerUrls === undefined) {
      if (known === undefined) return memberNotFound();
      return known.learner
        ? undefined
        : new KvError("MEMBER_NOT_LEARNER", "etcdserver: can only promote a learner member");
    }
    if (this.#removed.has(member)) return memberNotFound();
    if (known !== undefined) return new KvError("MEMBER_EXISTS", "etcdserver: member ID already exist");
    if (this.#isTaken(peerUrls)) return peerUrlsExist();
    const learners = this.#members.size - this.voters.length;
    return type === "add-learner" && learners >= this.#learnersMax
      ? new KvError("TOO_MANY_LEARNERS", "etcdserver: too many learner members in cluster")
      : undefined;
  }

  /** Ids that left. */
  get removed(): readonly MemberId[] {
    return [...this.#removed];
  }

  get voters(): readonly Member[] {
    return this.members.filter(({ learner }) => !learner);
  }

  /** @throws KvError MEMBER_NOT_FOUND, PEER_URLS_EXIST */
  setPeerUrls(id: MemberId, peerUrls: readonly string[]): void {
    const known = this.#members.get(id);
    if (known === undefined) throw memberNotFound();
    if (this.#isTaken(peerUrls, id)) throw peerUrlsExist();
    this.#members.set(id, { ...known, peerUrls });
  }

  #isTaken(peerUrls: readonly string[], except?: MemberId): boolean {
    return this.members.some(
      ({ id, peerUrls: used }) => id !== except && used.some((url) => peerUrls.includes(url)),
    );
  }

  apply(change: ConfChange): void {
    if (change.type === "remove") {
      this.#members.delete(change.member);
      this.#removed.add(change.member);
      return;
    }
    const known = this.#members.get(change.member);
    const given = change.context && decodeContext(change.context).peerUrls;
    const peerUrls = given ?? known?.peerUrls ?? [];
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

  /** Another one that begins with the same members. */
  copy(): Membership {
    const copy = new Membership(this.#learnersMax);
    copy.#members = new Map(this.#members);
    copy.#removed = new Set(this.#removed);
    return copy;
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

function memberNotFound(): KvError {
  return new KvError("MEMBER_NOT_FOUND", "etcdserver: member not found");
}

function peerUrlsExist(): KvError {
  return new KvError("PEER_URLS_EXIST", "etcdserver: Peer URLs already exists");
}

export function notEnoughStarted(): KvError {
  return new KvError(
    "NOT_ENOUGH_STARTED",
    "etcdserver: re-configuration failed due to not enough started members",
  );
}
