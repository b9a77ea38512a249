/** From the bytes of a query to the bytes of its answer, whatever carries them. */
import * as packet from "dns-packet";
import { type Answer, emptyAnswer, type ResourceRecord, writeAnswer } from "./answer.ts";
import { AnswerCache } from "./answer-cache.ts";
import type { Forwarder } from "./forwarder.ts";
import { tcpBytesMax, udpBytesDefault, udpBytesMax } from "./limits.ts";
import { headerBytes, isResponse, opcodeOf, rcode } from "./message.ts";
import { encodeName } from "./packet.ts";
import { type Question, readQuestion } from "./question.ts";
import type { Resolution } from "./resolver.ts";

type DnsTransport = "udp" | "tcp";

export interface Responder {
  /** Undefined: no answer is due. Waits for other servers only where the question is about their names. */
  respond(query: Buffer, transport: DnsTransport): Buffer | undefined | Promise<Buffer | undefined>;
  /** Something in the cluster changed: what was answered before may be wrong now. */
  forget(): void;
}

export interface ResponderOptions {
  readonly resolve: (question: Question) => Resolution;
  readonly forwarder: Forwarder | undefined;
  /** Told the code of every answer that was worked out or taken from the cache. */
  readonly count: (code: number, from: "cluster" | "cache" | "forward") => void;
}

export function createResponder({ resolve, forwarder, count }: ResponderOptions): Responder {
  const caches: Record<DnsTransport, AnswerCache> = { udp: new AnswerCache(), tcp: new AnswerCache() };

  function respond(query: Buffer, transport: DnsTransport): ReturnType<Responder["respond"]> {
    // An answer to an answer could go back and forth for ever.
    if (query.length < headerBytes || isResponse(query)) return undefined;
    const cache = caches[transport];
    const key = cache.keyOf(query);
    const known = cache.get(key, query);
    if (known !== undefined) {
      count((known[3] as number) & 0x0f, "cache");
      return known;
    }
    if (opcodeOf(query) !== 0) return bare(query, rcode.notImplemented);
    let question: Question;
    try {
      question = readQuestion(query);
    } catch {
      return bare(query, rcode.format);
    }
    const write = (answer: Answer): Buffer => {
      const offered = question.edns === undefined ? udpBytesDefault : question.edns.udpBytes;
      const udp = Math.min(Math.max(offered, udpBytesDefault), udpBytesMax);
      const bytesMax = transport === "tcp" ? tcpBytesMax : udp;
      return writeAnswer(question, answer, { bytesMax, recursionAvailable: forwarder !== undefined });
    };
    if (question.edns !== undefined && question.edns.version !== 0)
      return write(emptyAnswer(rcode.badVersion));
    const resolution = resolve(question);
    if (resolution.kind === "forward") return passOn(query, question, transport, write);
    const { answer, alias } = resolution;
    if (alias !== undefined) return completeAlias(answer, alias, question, transport, write);
    count(answer.rcode, "cluster");
    // A failure ends when the informers are ready, which no change may announce.
    if (answer.rcode === rcode.failure) return write(answer);
    cache.put(key, answer, write);
    return cache.get(key, query);
  }

  function passOn(
    query: Buffer,
    question: Question,
    transport: DnsTransport,
    write: (answer: Answer) => Buffer,
  ): Buffer | Promise<Buffer> {
    const known = forwarder?.cached(query, question);
    if (known !== undefined) {
      count((known[3] as number) & 0x0f, "cache");
      return known;
    }
    return (async () => {
      const answer = await forwarder?.forward(query, question, transport);
      count(answer === undefined ? rcode.failure : (answer[3] as number) & 0x0f, "forward");
      return answer ?? write(emptyAnswer(rcode.failure));
    })();
  }

  /** What other servers know of the name that an ExternalName leads to, behind the alias. */
  async function completeAlias(
    answer: Answer,
    alias: string,
    question: Question,
    transport: DnsTransport,
    write: (answer: Answer) => Buffer,
  ): Promise<Buffer> {
    const bytes = Buffer.concat([encodeName(alias), question.bytes.subarray(-4)]);
    const header = Buffer.alloc(headerBytes);
    header.writeUInt16BE(0x0100, 2);
    header.writeUInt16BE(1, 4);
    const query = Buffer.concat([header, bytes]);
    const asked: Question = { ...question, flags: 0x0100, labels: alias.split("."), bytes, edns: undefined };
    const foreign = forwarder?.cached(query, asked) ?? (await forwarder?.forward(query, asked, transport));
    const records = foreign === undefined ? [] : recordsOf(foreign);
    count(rcode.ok, "forward");
    return write({ ...answer, answers: [...answer.answers, ...records] });
  }

  return {
    respond,
    forget() {
      caches.udp.clear();
      caches.tcp.clear();
    },
  };
}

/** Addresses and aliases of another server's answer; none of one that cannot be read. */
function recordsOf(message: Buffer): ResourceRecord[] {
  try {
    const { answers = [] } = packet.decode(message);
    return answers.flatMap((record) =>
      record.type === "A" || record.type === "AAAA" || record.type === "CNAME"
        ? [{ name: record.name, type: record.type, ttl: record.ttl ?? 0, data: record.data }]
        : [],
    );
  } catch {
    return [];
  }
}

/** An answer with nothing but a code, to a message that could not be understood. */
function bare(query: Buffer, code: number): Buffer {
  const header = {
    id: query.readUInt16BE(0),
    flags: query.readUInt16BE(2),
    bytes: new Uint8Array(0),
    edns: undefined,
  };
  return writeAnswer(header, emptyAnswer(code), { bytesMax: udpBytesDefault, recursionAvailable: false });
}
