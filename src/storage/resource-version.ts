import type { Revision } from "../base/index.ts";
import { StorageError } from "./ports.ts";

const uint64Max = 2n ** 64n - 1n;

/**
 * A resourceVersion as the revision it stands for; "" is 0. Revisions stay below 2^53; what a client claims above that is
 * clamped, which keeps it "in the future".
 * @throws StorageError INVALID_RESOURCE_VERSION with the text of Go's strconv, as upstream answers it
 */
export function parseResourceVersion(text: string): Revision {
  if (text === "") return 0 as Revision;
  if (!/^[0-9]+$/.test(text)) throw invalid(text, "invalid syntax");
  if (text.length <= 15) return Number(text) as Revision;
  if (text.length > 20 || BigInt(text) > uint64Max) throw invalid(text, "value out of range");
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER) as Revision;
}

function invalid(text: string, reason: string): StorageError {
  const quoted = JSON.stringify(text);
  return new StorageError(
    "INVALID_RESOURCE_VERSION",
    "",
    `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: ${reason}`,
  );
}
