/** Position in the replicated log, from 1; 0 is "before the first". */
export type Index = number & { readonly kind: "index" };
/** Election epoch, from 1; 0 is "before the first election". */
export type Term = number & { readonly kind: "term" };
/** Store-wide write counter: an empty store is at 1, as etcd's is. */
export type Revision = number & { readonly kind: "revision" };
/** 64-bit identity of a raft peer; 0n is nobody. */
export type MemberId = bigint & { readonly kind: "member" };
/** 64-bit identity of a time-to-live; 0n is none. Signed on the wire. */
export type LeaseId = bigint & { readonly kind: "lease" };

export const noMember = 0n as MemberId;
export const noLease = 0n as LeaseId;
