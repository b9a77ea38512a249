import type { Revision } from "../base/index.ts";
import { createMvcc, type StoredVersion } from "../mvcc/index.ts";
import type { KvHash } from "./compaction-hashes.ts";

/**
 * What HashKV would answer if all this were in a store.
 * @throws KvError COMPACTED, FUTURE_REVISION, CORRUPT
 */
export async function hashHistory(
  history: { readonly compactRevision: Revision; versions(): AsyncIterable<StoredVersion> },
  revision: Revision,
): Promise<KvHash> {
  // Which leases there are does not count.
  const mvcc = createMvcc({ leases: { has: () => true, attach() {}, detach() {} } });
  const replay = mvcc.replay();
  for await (const version of history.versions()) replay.add(version);
  replay.finish({ compactRevision: history.compactRevision, skipRevisions: 0 });
  const hashing = mvcc.hash(revision);
  for (;;) {
    const hash = hashing.step(versionsPerStep);
    if (hash !== undefined)
      return { hash, hashRevision: hashing.revision, compactRevision: hashing.compactRevision };
  }
}

const versionsPerStep = 100_000;
