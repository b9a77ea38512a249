import { crc32 } from "node:zlib";
import type { Revision } from "../base/index.ts";
import { Extract } from "./extract.ts";
import type { Keyspace } from "./keyspace.ts";
import type { MvccHash } from "./types.ts";
import { noVersion } from "./version-table.ts";

/**
 * CRC-32 over everything kept up to a revision: per version its numbers, key and value. It depends on the history and on the
 * compacted revision, not on what happens to be reclaimed already; so members that applied the same agree.
 */
export function hashOf(space: Keyspace, revision: Revision): MvccHash {
  const extract = new Extract(space, revision);
  const { versions } = space;
  const numbers = new Float64Array(6);
  const numberBytes = new Uint8Array(numbers.buffer);
  const leases = new BigInt64Array(numbers.buffer);
  let hash = 0;
  let done = false;
  return {
    revision,
    compactRevision: Math.max(0, space.compactRevision) as Revision,
    step: (records) => {
      for (let i = 0; i < records && !done; i++) {
        const version = extract.next();
        if (version === noVersion) {
          done = true;
          break;
        }
        const key = space.keyOf(version);
        const value = versions.value(version);
        numbers[0] = versions.mod(version);
        numbers[1] = versions.create(version);
        numbers[2] = versions.writes(version);
        leases[3] = versions.lease(version);
        numbers[4] = key.length;
        numbers[5] = value.length;
        hash = crc32(value, crc32(key, crc32(numberBytes, hash)));
      }
      return done ? hash : undefined;
    },
    close: () => extract.close(),
  };
}
