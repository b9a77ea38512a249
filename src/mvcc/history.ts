import type { KeyValue } from "../kv/index.ts";
import { Extract } from "./extract.ts";
import type { Keyspace } from "./keyspace.ts";
import type { MvccHistory, StoredVersion } from "./types.ts";
import { noVersion } from "./version-table.ts";

/** Everything kept, version by version in the order it was written. See MvccHistory. */
export function historyOf(space: Keyspace): MvccHistory {
  const { revision, compactRevision } = space;
  const extract = new Extract(space, revision);
  const { versions } = space;
  /** What keys were before the compacted revision: they come by key, and go by revision. */
  const base: number[] = [];
  const changes: number[] = [];
  let open = true;
  // The extract lets go at its end; what is listed here must stay.
  space.pin();

  return {
    revision,
    compactRevision: Math.max(0, compactRevision) as typeof revision,
    collect(count) {
      for (let left = count; left > 0; left--) {
        const version = extract.next();
        if (version === noVersion) {
          base.sort((a, b) => versions.mod(a) - versions.mod(b) || versions.sub(a) - versions.sub(b));
          return false;
        }
        (extract.isLogged(version) ? changes : base).push(version);
      }
      return true;
    },
    *versions() {
      for (const list of [base, changes]) {
        for (const version of list) {
          const mod = versions.mod(version);
          const writes = versions.writes(version);
          const kv: KeyValue = {
            key: space.keyOf(version),
            value: versions.value(version),
            createRevision: versions.create(version) as KeyValue["createRevision"],
            modRevision: mod as KeyValue["modRevision"],
            version: writes,
            lease: versions.lease(version) as KeyValue["lease"],
          };
          yield { kv, sub: versions.sub(version), deleted: writes === 0 } satisfies StoredVersion;
        }
      }
    },
    close() {
      if (!open) return;
      open = false;
      extract.close();
      space.unpin();
      base.length = 0;
      changes.length = 0;
    },
  };
}
