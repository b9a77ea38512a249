/** What every room may use: assertions, byte order, bounded queues, maps of what is under way, seeded chance and branded numbers. */
export { AssertionError, assert, unreachable } from "./assert.ts";
export { BoundedQueue } from "./bounded-queue.ts";
export { compareBytes, concatBytes, emptyBytes, equalBytes, fromUtf8, prefixEnd, utf8 } from "./bytes.ts";
export { crc32c } from "./crc32c.ts";
export { NumberMap } from "./number-map.ts";
export {
  type Index,
  type LeaseId,
  type MemberId,
  noLease,
  noMember,
  type Revision,
  type Term,
} from "./numbers.ts";
export { notBool, parseBool } from "./parse-bool.ts";
export { type NumberSource, seededPrng } from "./prng.ts";
