import type { Index, MemberId } from "../base/index.ts";
import type { Header } from "../kv/index.ts";
import type { Role } from "../raft/index.ts";

/** This member's view of itself and the cluster, now. */
export interface ReplicaStatus {
  readonly header: Header;
  /** noMember: nobody, as far as this member knows. */
  readonly leader: MemberId;
  readonly role: Role;
  readonly committedIndex: Index;
  readonly appliedIndex: Index;
  readonly learner: boolean;
  /** Bytes the store takes, and bytes of it that hold data. */
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  /** Above it writes are refused with NO_SPACE. Absent: there is no bound. */
  readonly dbQuotaBytes?: number;
}
