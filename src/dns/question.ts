import { DnsFormatError } from "./errors.ts";
import { headerBytes, recordType, skipName } from "./message.ts";

/** What a client asks. */
export interface Question {
  readonly id: number;
  /** As they came: opcode and wishes. */
  readonly flags: number;
  /** Lower case, without the root. */
  readonly labels: readonly string[];
  readonly type: number;
  readonly class: number;
  /** The question as it came: name, type, class. */
  readonly bytes: Uint8Array;
  /** EDNS, where the client speaks it. */
  readonly edns:
    | { readonly version: number; readonly udpBytes: number; readonly dnssecOk: boolean }
    | undefined;
}

/** Reads a query. @throws DnsFormatError */
export function readQuestion(message: Uint8Array): Question {
  const view = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (view.length < headerBytes) throw new DnsFormatError("shorter than a header");
  if (view.readUInt16BE(4) !== 1) throw new DnsFormatError("not exactly one question");
  if (view.readUInt16BE(6) !== 0 || view.readUInt16BE(8) !== 0)
    throw new DnsFormatError("a query with answers");
  const { labels, end } = readName(view, headerBytes);
  if (end + 4 > view.length) throw new DnsFormatError("the question is cut off");
  return {
    id: view.readUInt16BE(0),
    flags: view.readUInt16BE(2),
    labels,
    type: view.readUInt16BE(end),
    class: view.readUInt16BE(end + 2),
    bytes: view.subarray(headerBytes, end + 4),
    edns: readEdns(view, end + 4, view.readUInt16BE(10)),
  };
}

/** The name of a question, which nothing before it can be compressed against. */
function readName(view: Buffer, start: number): { labels: string[]; end: number } {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = view[at];
    if (length === undefined) throw new DnsFormatError("the name is cut off");
    at++;
    if (length === 0) return { labels, end: at };
    if (length > 63) throw new DnsFormatError("a label that is none");
    if (at + length > view.length || at + length - start > 254)
      throw new DnsFormatError("the name is too long");
    labels.push(view.toString("latin1", at, at + length).toLowerCase());
    at += length;
  }
}

/** The OPT record among the additional ones; others (TSIG, cookies of old) are passed over. */
function readEdns(view: Buffer, start: number, records: number): Question["edns"] {
  let edns: Question["edns"];
  let at = start;
  for (let record = 0; record < records; record++) {
    const name = at;
    at = skipName(view, at);
    if (at + 10 > view.length) throw new DnsFormatError("an additional record is cut off");
    const type = view.readUInt16BE(at);
    if (type === recordType.OPT) {
      if (edns !== undefined || at !== name + 1) throw new DnsFormatError("a bad OPT record");
      edns = {
        udpBytes: view.readUInt16BE(at + 2),
        version: view[at + 5] as number,
        dnssecOk: (view[at + 6] as number) >= 0x80,
      };
    }
    at += 10 + view.readUInt16BE(at + 8);
    if (at > view.length) throw new DnsFormatError("an additional record is cut off");
  }
  return edns;
}
