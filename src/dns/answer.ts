import { classInternet, headerBytes, messageFlag, recordType } from "./message.ts";
import { recordCodec } from "./packet.ts";
import type { Question } from "./question.ts";

/** One record to be sent. `data` is what dns-packet takes for its type. */
export interface ResourceRecord {
  /** Without the root's dot. */
  readonly name: string;
  readonly type: "A" | "AAAA" | "CNAME" | "NS" | "PTR" | "SOA" | "SRV" | "TXT";
  readonly ttl: number;
  readonly data: unknown;
}

export interface Answer {
  readonly rcode: number;
  /** The zone is ours. */
  readonly authoritative: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}

export const emptyAnswer = (code: number, authoritative = false): Answer => ({
  rcode: code,
  authoritative,
  answers: [],
  authority: [],
  additional: [],
});

/**
 * Writes the answer to a question into at most `bytesMax` bytes. What does not fit is left out: additional records silently, anything
 * else with the mark that tells the client to ask over TCP.
 */
export function writeAnswer(
  question: Pick<Question, "id" | "flags" | "bytes" | "edns">,
  answer: Answer,
  options: { bytesMax: number; recursionAvailable: boolean },
): Buffer {
  const opt = question.edns === undefined ? undefined : optRecord(answer.rcode, question.edns.dnssecOk);
  const writer = new AnswerWriter(question.bytes, options.bytesMax - (opt?.length ?? 0));
  let truncated = false;
  const counts = [0, 0, 0];
  for (const [section, records] of [answer.answers, answer.authority, answer.additional].entries()) {
    for (const record of records) {
      if (truncated || !writer.add(record)) {
        truncated ||= section < 2;
        break;
      }
      counts[section] = (counts[section] as number) + 1;
    }
  }
  const flags =
    messageFlag.response |
    (question.flags & 0x7800) |
    (question.flags & messageFlag.recursionDesired) |
    (answer.authoritative ? messageFlag.authoritative : 0) |
    (truncated ? messageFlag.truncated : 0) |
    (options.recursionAvailable ? messageFlag.recursionAvailable : 0) |
    // The checking-disabled bit comes back as it was (RFC 4035, section 3.1.6).
    (question.flags & 0x0010) |
    (answer.rcode & 0x0f);
  return writer.finish(question.id, flags, counts as [number, number, number], opt);
}

/** OPT of an answer: our buffer, the upper bits of the code, version 0. */
function optRecord(code: number, dnssecOk: boolean): Buffer {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(recordType.OPT, 1);
  record.writeUInt16BE(4096, 3);
  record[5] = code >> 4;
  if (dnssecOk) record[7] = 0x80;
  return record;
}

/** Lays records out behind a question, with pointers to the names that are there already. */
class AnswerWriter {
  readonly #parts: Uint8Array[] = [];
  readonly #bytesMax: number;
  /** Where a name begins, by the name in lower case. */
  readonly #names = new Map<string, number>();
  #length: number;

  constructor(question: Uint8Array, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#length = headerBytes + question.length;
    this.#parts.push(question);
    const labels: string[] = [];
    const starts: number[] = [];
    for (
      let at = 0;
      question.length > 4 && (question[at] as number) > 0;
      at += 1 + (question[at] as number)
    ) {
      starts.push(headerBytes + at);
      labels.push(
        Buffer.from(question.subarray(at + 1, at + 1 + (question[at] as number)))
          .toString("latin1")
          .toLowerCase(),
      );
    }
    for (const [index, start] of starts.entries()) this.#names.set(labels.slice(index).join("."), start);
  }

  /** False: there is no room for it. */
  add(record: ResourceRecord): boolean {
    const codec = recordCodec(record.type);
    // dns-packet lays the length before the data.
    const data = codec.encode(record.data);
    const { bytes: owner, added } = this.#name(record.name);
    const length = owner.length + 8 + data.length;
    if (this.#length + length > this.#bytesMax) return false;
    for (const [name, offset] of added) this.#names.set(name, this.#length + offset);
    const fixed = Buffer.alloc(8);
    fixed.writeUInt16BE(recordType[record.type], 0);
    fixed.writeUInt16BE(classInternet, 2);
    fixed.writeUInt32BE(record.ttl, 4);
    this.#parts.push(owner, fixed, data);
    this.#length += length;
    return true;
  }

  finish(id: number, flags: number, counts: [number, number, number], opt: Buffer | undefined): Buffer {
    const header = Buffer.alloc(headerBytes);
    header.writeUInt16BE(id, 0);
    header.writeUInt16BE(flags, 2);
    header.writeUInt16BE((this.#parts[0] as Uint8Array).length === 0 ? 0 : 1, 4);
    header.writeUInt16BE(counts[0], 6);
    header.writeUInt16BE(counts[1], 8);
    header.writeUInt16BE(counts[2] + (opt === undefined ? 0 : 1), 10);
    return Buffer.concat([header, ...this.#parts, ...(opt === undefined ? [] : [opt])]);
  }

  #name(name: string): { bytes: Buffer; added: [string, number][] } {
    const labels = name.split(".");
    const parts: Buffer[] = [];
    const added: [string, number][] = [];
    let length = 0;
    for (const [index, label] of labels.entries()) {
      const rest = labels.slice(index).join(".").toLowerCase();
      const known = this.#names.get(rest);
      if (known !== undefined) {
        const pointer = Buffer.alloc(2);
        pointer.writeUInt16BE(0xc000 | known);
        return { bytes: Buffer.concat([...parts, pointer]), added };
      }
      // A pointer has 14 bits.
      if (this.#length + length < 0x3fff) added.push([rest, length]);
      const bytes = Buffer.from(label, "latin1");
      parts.push(Buffer.of(bytes.length), bytes);
      length += 1 + bytes.length;
    }
    return { bytes: Buffer.concat([...parts, Buffer.of(0)]), added };
  }
}
