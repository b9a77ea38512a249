/** Images of the state machine: written whole or not at all, verified before they are believed. */
export {
  inspectImage,
  openSnapshots,
  SnapshotDamagedError,
  type SnapshotInfo,
  type SnapshotSink,
  type Snapshots,
} from "./images.ts";
