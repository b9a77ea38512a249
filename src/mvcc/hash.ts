import { crc32c, type Revision, utf8 } from "../base/index.ts";
import { Extract } from "./extract.ts";
import type { Keyspace } from "./keyspace.ts";
import type { MvccHash } from "./types.ts";
import { VersionBytes } from "./version-bytes.ts";
import { noVersion } from "./version-table.ts";

/** The name of etcd's bucket comes first. */
const hashOfNothing = crc32c(utf8("key"));

/**
 * etcd's HashKV: CRC-32C over the keys' versions as etcd keeps them (server/storage/mvcc/hash.go), in the order they were written. Of
 * what is older than the compacted revision, or as old, that counts which is still visible at the revision asked for; a deletion at the
 * compacted revision does not. So it depends on the history and the two revisions, not on what happens to be reclaimed already.
 */
export function hashOf(space: Keyspace, revision: Revision): MvccHash {
  const extract = new Extract(space, revision);
  const { versions } = space;
  const { compactRevision } = space;
  const bytes = new VersionBytes(space);
  const visible = (version: number) => space.visible(versions.key(version), revision) === version;
  const state = { hash: hashOfNothing, base: [] as number[], next: 0, held: noVersion, sorted: false };
  // Where no key exists etcd compares with nothing, and counts all.
  const anyExists =
    space.scan({ key: new Uint8Array(0), rangeEnd: Uint8Array.of(0) }, revision, () => false) > 0;
  let done = false;
  const add = (version: number): void => {
    const mod = versions.mod(version);
    if (mod > revision) return;
    if (mod <= compactRevision && anyExists && !visible(version)) return;
    if (mod === compactRevision && versions.writes(version) === 0) return;
    state.hash = bytes.hash(version, state.hash);
  };

  return {
    revision,
    compactRevision: Math.max(0, compactRevision) as Revision,
    step: (records) => {
      for (let i = 0; i < records && !done; i++) {
        if (!state.sorted) {
          const version = extract.next();
          if (version !== noVersion && !extract.isLogged(version)) {
            state.base.push(version);
            continue;
          }
          // They come by key, and count by revision.
          state.base.sort((a, b) => versions.mod(a) - versions.mod(b) || versions.sub(a) - versions.sub(b));
          state.sorted = true;
          state.held = version;
        }
        const old = state.base[state.next];
        if (old !== undefined) {
          state.next++;
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
