import type { Clock } from "../platform/index.ts";
import { foreignAnswersMax, foreignDenialSecondsMax, foreignTtlSecondsMax } from "./limits.ts";
import { headerBytes, rcode, recordType, skipName } from "./message.ts";

interface Kept {
  readonly answer: Buffer;
  /** Where the records' times to live stand in it. */
  readonly ttlOffsets: readonly number[];
  /** Milliseconds of the monotonic clock. */
  readonly since: number;
  readonly until: number;
}

/** Answers of other servers, kept as long as they allow (RFC 1035, RFC 2308); their times to live count down meanwhile. */
export class ForeignCache {
  readonly #entries = new Map<string, Kept>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string): Buffer | undefined {
    const kept = this.#entries.get(key);
    if (kept === undefined) return undefined;
    const now = this.#clock.monotonic();
    if (now >= kept.until) {
      this.#entries.delete(key);
      return undefined;
    }
    const answer = Buffer.from(kept.answer);
    const age = Math.floor((now - kept.since) / 1000);
    for (const offset of kept.ttlOffsets)
      answer.writeUInt32BE(Math.max(0, answer.readUInt32BE(offset) - age), offset);
    return answer;
  }

  /** Keeps what may be kept: whole answers and denials, not failures. @throws DnsFormatError */
  put(key: string, answer: Buffer): void {
    const code = (answer[3] as number) & 0x0f;
    const truncated = ((answer[2] as number) & 0x02) !== 0;
    if (truncated || (code !== rcode.ok && code !== rcode.noName)) return;
    const { ttlOffsets, ttl, denialTtl, answers } = readTimes(answer);
    const denial = code === rcode.noName || answers === 0;
    const seconds = denial
      ? Math.min(denialTtl, foreignDenialSecondsMax)
      : Math.min(ttl, foreignTtlSecondsMax);
    if (seconds <= 0) return;
    if (this.#entries.size >= foreignAnswersMax) {
      const oldest = this.#entries.keys().next().value;
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    const since = this.#clock.monotonic();
    this.#entries.set(key, { answer, ttlOffsets, since, until: since + seconds * 1000 });
  }
}

/** Times to live of all records: the least of them, and the start of authority's for denials; 0 without one. */
function readTimes(answer: Buffer): {
  ttlOffsets: number[];
  ttl: number;
  denialTtl: number;
  answers: number;
} {
  const ttlOffsets: number[] = [];
  let ttl = Number.POSITIVE_INFINITY;
  let denialTtl = 0;
  const answers = answer.readUInt16BE(6);
  const records = answers + answer.readUInt16BE(8) + answer.readUInt16BE(10);
  let at = skipName(answer, headerBytes) + 4;
  for (let record = 0; record < records; record++) {
    at = skipName(answer, at);
    const type = answer.readUInt16BE(at);
    const length = answer.readUInt16BE(at + 8);
    if (type !== recordType.OPT) {
      const seconds = answer.readUInt32BE(at + 4);
      ttlOffsets.push(at + 4);
      ttl = Math.min(ttl, seconds);
      if (type === recordType.SOA) denialTtl = Math.min(seconds, answer.readUInt32BE(at + 10 + length - 4));
    }
    at += 10 + length;
  }
  return { ttlOffsets, ttl: ttl === Number.POSITIVE_INFINITY ? 0 : ttl, denialTtl, answers };
}
