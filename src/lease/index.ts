/** Times-to-live that own keys, counted against a given now. */
export { createLessor, leaseTtlSecondsMax } from "./lessor.ts";
export type { GrantedLease, LeaseCheckpoint, LeaseState, Lessor, LessorOptions } from "./types.ts";
