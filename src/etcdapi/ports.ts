import type { Index, LeaseId, MemberId, Revision, Term } from "../base/index.ts";
import type { Caller, Header, KeyValue, Kv } from "../kv/index.ts";

/** One member, as `etcdctl member list` shows it. */
export interface ClusterMember {
  readonly id: MemberId;
  /** Empty until the member has started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly learner: boolean;
}

/** This member's view of the cluster and of itself, now. */
export interface MemberStatus {
  readonly header: Header;
  /** noMember: nobody leads, as far as this member knows. */
  readonly leader: MemberId;
  /** Last index in the log that is known to be committed. */
  readonly committedIndex: Index;
  readonly appliedIndex: Index;
  readonly learner: boolean;
  /** Bytes the store takes, what is waiting to be freed included. */
  readonly dbSizeBytes: number;
  /** Bytes of it that hold data. */
  readonly dbSizeInUseBytes: number;
  /** Above it writes are refused with NO_SPACE. Absent: there is no bound. */
  readonly dbQuotaBytes?: number;
}

export interface ClusterAlarm {
  readonly member: MemberId;
  readonly alarm: "NOSPACE" | "CORRUPT";
}

/** Whose rights count, found out anew whenever they do. @throws KvError INVALID_AUTH_TOKEN */
export type Who = () => Caller;

/** What a client shows of itself. */
export interface Credentials {
  readonly token: string | undefined;
  /** Of a certificate that was checked, where those count. */
  readonly commonName: string | undefined;
}

/** What a role may do with a key or a range of keys. */
export interface KeyPermission {
  readonly type: "read" | "write" | "readwrite";
  readonly key: Uint8Array;
  /** Empty: the key alone. */
  readonly rangeEnd: Uint8Array;
}

/** What is changed about users and roles. `Secret`: what proves who a user is, as it was typed or as it is kept. */
export type AccessChange<Secret> =
  | { readonly action: "enable" | "disable" }
  | ({ readonly action: "add-user"; readonly user: string; readonly noPassword: boolean } & Secret)
  | ({ readonly action: "change-password"; readonly user: string } & Secret)
  | { readonly action: "delete-user"; readonly user: string }
  | { readonly action: "grant-role" | "revoke-role"; readonly user: string; readonly role: string }
  | { readonly action: "add-role" | "delete-role"; readonly role: string }
  | { readonly action: "grant-permission"; readonly role: string; readonly permission: KeyPermission }
  | {
      readonly action: "revoke-permission";
      readonly role: string;
      readonly key: Uint8Array;
      readonly rangeEnd: Uint8Array;
    };

/** As clients ask for it. */
type AccessRequest = AccessChange<{ readonly password: string }>;

/** Users and roles. What is refused is thrown as KvError. */
export interface StoreAccess {
  /** Whether clients have to say who they are. Cheap: every call asks. */
  readonly enabled: boolean;
  callerOf(credentials: Credentials): Caller;
  /** Resolves when this member knows the token, if it ever will. Undefined: it does, or never will. */
  tokenArrives(token: string): Promise<void> | undefined;
  requireUser(caller: Caller): void;
  requireAdmin(caller: Caller): void;
  authenticate(name: string, password: string): Promise<{ header: Header; token: string }>;
  change(request: AccessRequest, caller: Caller): Promise<Header>;
  status(caller: Caller): Promise<{ header: Header; enabled: boolean; revision: number }>;
  user(
    name: string,
    caller: Caller,
  ): Promise<{ header: Header; user: { readonly roles: readonly string[] } }>;
  users(caller: Caller): Promise<{ header: Header; names: readonly string[] }>;
  role(
    name: string,
    caller: Caller,
  ): Promise<{ header: Header; role: { readonly permissions: readonly KeyPermission[] } }>;
  roles(caller: Caller): Promise<{ header: Header; names: readonly string[] }>;
}

/** The whole replicated state as of one moment, for as long as it is open. */
export interface StoreSnapshot {
  readonly compactRevision: Revision;
  /** Of the last entry in it. */
  readonly index: Index;
  readonly term: Term;
  readonly members: readonly ClusterMember[];
  /** Who has been one. */
  readonly removed: readonly MemberId[];
  readonly leases: readonly {
    readonly id: LeaseId;
    readonly ttlSeconds: number;
    /** By the last checkpoint; 0: none. */
    readonly remainingTtlSeconds: number;
  }[];
  readonly alarms: readonly ClusterAlarm[];
  readonly access: {
    readonly enabled: boolean;
    readonly revision: number;
    readonly users: readonly {
      readonly name: string;
      readonly passwordHash: string;
      readonly noPassword: boolean;
      readonly roles: readonly string[];
    }[];
    readonly roles: readonly { readonly name: string; readonly permissions: readonly KeyPermission[] }[];
  };
  /** Every version of every key that is kept, in the order they were written; the same every time. */
  versions(): Iterable<{ readonly kv: KeyValue; readonly sub: number; readonly deleted: boolean }>;
  /** Lets everybody else have a turn. */
  readonly turn: () => Promise<void>;
  close(): void;
}

/** What etcd's API needs of the member besides its keys. The replica fits. */
export interface ClusterInfo {
  /** Users and roles. Missing: Unimplemented. */
  readonly access?: StoreAccess;
  /** The keys for somebody whose rights are asked for. Missing: everybody may do everything. */
  as?(who: Who): Kv;
  /** Where and when it is now. Cheap: it goes into every response of a watch. */
  header(): Header;
  status(): MemberStatus;
  /** Whether this member does not vote; missing: it does. Cheap: every call asks. */
  isLearner?(): boolean;
  /** `linearizable`: confirmed with a quorum. @throws KvError NO_LEADER, TIMEOUT */
  members(options: { linearizable: boolean }): Promise<readonly ClusterMember[]>;
  /**
   * Changes of the members, each answered with the members there are then. Missing: Unimplemented.
   * @throws KvError of MembershipErrorCode, NO_LEADER, TIMEOUT
   */
  addMember?(
    peerUrls: readonly string[],
    options: { learner: boolean },
  ): Promise<{ added: MemberId; members: readonly ClusterMember[] }>;
  removeMember?(member: MemberId): Promise<readonly ClusterMember[]>;
  updateMember?(member: MemberId, peerUrls: readonly string[]): Promise<readonly ClusterMember[]>;
  promoteMember?(member: MemberId): Promise<readonly ClusterMember[]>;
  /** Resolves when the other member leads. Missing: Unimplemented. @throws KvError NOT_LEADER, BAD_TRANSFEREE, TIMEOUT */
  moveLeader?(to: MemberId): Promise<void>;
  /** What is raised, as far as this member knows. */
  alarms(): readonly ClusterAlarm[];
  /** Raises or lifts an alarm on all members, or asks a quorum what is raised. Answers the alarms concerned. @throws KvError */
  alarm(
    request: { readonly action: "get" } | ({ readonly action: "activate" | "deactivate" } & ClusterAlarm),
  ): Promise<readonly ClusterAlarm[]>;
  /** Hash of this member's history up to a revision (0: now). Missing: Unimplemented. @throws KvError COMPACTED, FUTURE_REVISION */
  hashKv?(revision: Revision): Promise<{ hash: number; compactRevision: Revision; hashRevision: Revision }>;
  /** Hash of all this member has, now. Missing: Unimplemented. */
  hash?(): Promise<number>;
  /** Missing: Unimplemented. */
  snapshot?(): Promise<StoreSnapshot>;
  /** Gives freed memory and disk back. Missing: Unimplemented. */
  defragment?(): Promise<void>;
}
