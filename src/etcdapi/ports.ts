import type { Index, MemberId, Revision } from "../base/index.ts";
import type { Caller, Header, Kv } from "../kv/index.ts";

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

/** What clients change about users and roles. */
type AccessRequest =
  | { readonly action: "enable" | "disable" }
  | {
      readonly action: "add-user";
      readonly user: string;
      readonly password: string;
      readonly noPassword: boolean;
    }
  | { readonly action: "change-password"; readonly user: string; readonly password: string }
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
  /** Gives freed memory and disk back. Missing: Unimplemented. */
  defragment?(): Promise<void>;
}
