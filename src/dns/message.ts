import { DnsFormatError } from "./errors.ts";

/**
 * DNS messages (RFC 1035, RFC 6891). Questions are read here, answers are written here: with owner names compressed, to fit in
 * datagrams, and with the question's own bytes, so that a client finds its spelling again. `dns-packet` knows what is inside of records.
 *
 *     │ id 2 │ flags 2 │ counts 4×2 │ question: labels, type 2, class 2 │ answers… │ authority… │ additional…, OPT │
 */

export const headerBytes = 12;

/** Numbers of record types that are told apart here. */
export const recordType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
} as const;

export const rcode = {
  ok: 0,
  format: 1,
  failure: 2,
  noName: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

export const classInternet = 1;

export const messageFlag = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
};

export const isResponse = (message: Uint8Array): boolean => ((message[2] as number) & 0x80) !== 0;
export const opcodeOf = (message: Uint8Array): number => ((message[2] as number) >> 3) & 0x0f;

/** The place behind a name, compressed or not. @throws DnsFormatError */
export function skipName(view: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = view[at];
    if (length === undefined) throw new DnsFormatError("a name is cut off");
    if (length >= 0xc0) return at + 2;
    if (length > 63) throw new DnsFormatError("a label that is none");
    at += 1 + length;
    if (length === 0) return at;
  }
}
