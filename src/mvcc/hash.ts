import { crc32c, type Revision, utf8 } from "../base/index.ts";
import { Extract } from "./extract.ts";
import type { Keyspace } from "./keyspace.ts";
import type { MvccHash } from "./types.ts";
import { VersionBytes } from "./version-bytes.ts";
import { noVersion } from "./version-table.ts";
import { WriteOrder } from "./write-order.ts";

/** The name of etcd's bucket comes first. */
const hashOfNothing = crc32c(utf8("key"));

/**
 * etcd's HashKV: CRC-32C over the keys' versions as etcd keeps them (server/storage/mvcc/hash.go), in the order they were written. Of
 * what is older than the compacted revision, or as old, that counts which is still visible at the revision asked for; a deletion at the
 * compacted revision does not. So it depends on the history and the two revisions, not on what happens to be reclaimed already.
 */
export function hashOf(space: Keyspace, revision: Revision): MvccHash {
  return hashing(space, {
    revision,
    compactRevision: space.compactRevision,
    anyKept: anyExists(space, revision),
  });
}

/**
 * The hash that etcd computes while it compacts: up to the compacted revision, of what was kept since the compaction before. Of now, that is before
 * anything else is written or reclaimed.
 */
export function hashOfCompaction(space: Keyspace, previous: Revision): MvccHash {
  const revision = space.compactRevision;
  // It keeps deletions of that very revision.
  const anyKept = anyExists(space, revision) || anyDeleted(space, revision);
  return hashing(space, { revision, compactRevision: previous, anyKept });
}

function hashing(
  space: Keyspace,
  options: { readonly revision: Revision; readonly compactRevision: Revision; readonly anyKept: boolean },
): MvccHash {
  const { revision, compactRevision, anyKept } = options;
  const extract = new Extract(space, revision, compactRevision);
  const { versions } = space;
  const bytes = new VersionBytes(space);
  const visible = (version: number) => space.visible(versions.key(version), revision) === version;
  /** What is older than the history's beginning: it comes by key, and counts by revision. */
  const base = new WriteOrder(
    (a, b) => versions.mod(a) - versions.mod(b) || versions.sub(a) - versions.sub(b),
  );
  const state = { hash: hashOfNothing, held: noVersion, gathered: false };
  let done = false;
  const add = (version: number): void => {
    const mod = versions.mod(version);
    if (mod > revision) return;
    // Where nothing is kept etcd compares with nothing, and counts all.
    if (mod <= compactRevision && anyKept && !visible(version)) return;
    if (mod === compactRevision && versions.writes(version) === 0) return;
    state.hash = bytes.hash(version, state.hash);
  };

  return {
    revision,
    compactRevision: Math.max(0, compactRevision) as Revision,
    step: (records) => {
      for (let i = 0; i < records && !done; i++) {
        if (!state.gathered) {
          const version = extract.next();
          if (version !== noVersion && !extract.isLogged(version)) {
            base.add(version);
            continue;
          }
          state.gathered = true;
          state.held = version;
        }
        const old = base.next();
        if (old !== noVersion) {
          add(old);
          continue;
        }
        const version = state.held;
        if (version === noVersion) done = true;
        else {
          add(version);
          state.held = extract.next();
        }
      }
      return done ? state.hash : undefined;
    },
    close: () => extract.close(),
  };
}

function anyExists(space: Keyspace, revision: Revision): boolean {
  return space.scan({ key: new Uint8Array(0), rangeEnd: Uint8Array.of(0) }, revision, () => false) > 0;
}

/** Whether a key was deleted at this revision, which is in the log of changes. */
function anyDeleted(space: Keyspace, revision: Revision): boolean {
  const end = space.seekLog(revision + 1);
  for (let at = space.seekLog(revision); at < end; at++)
    if (space.versions.writes(space.log.at(at)) === 0) return true;
  return false;
}
