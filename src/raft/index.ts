/**
 * The consensus core: one member's half of the Raft protocol as a pure state machine. Messages, ticks and proposals
 * are stepped in; what to persist, send and apply comes out as a Ready. It does no I/O and knows no clock.
 * `raft.ts` explains the whole; `types.ts` is the contract with the owner.
 */
export { bootstrap, joining } from "./bootstrap.ts";
export { decodeConfChange, encodeConfChange } from "./conf-change.ts";
export { createRaft } from "./raft.ts";
export type {
  ConfChange,
  ConfState,
  Entry,
  EntryType,
  HardState,
  JointChange,
  Message,
  ProgressStatus,
  ProposeResult,
  Raft,
  RaftConfig,
  RaftStatus,
  ReadState,
  Ready,
  Role,
  SnapshotMeta,
} from "./types.ts";
