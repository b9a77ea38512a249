import { errorText, type Log } from "../client/index.ts";
import type { DatagramAddress, Platform } from "../platform/index.ts";
import { exchangeOverTcp, exchangeOverUdp } from "./exchange.ts";
import { ForeignCache } from "./foreign-cache.ts";
import { forwardedMax, forwardTimeoutMs } from "./limits.ts";
import { headerBytes, messageFlag } from "./message.ts";
import type { Question } from "./question.ts";

/** Answers questions about names that are not the cluster's, by asking others, and keeps what they said. */
export interface Forwarder {
  /** The answer under the question's id; undefined: nobody could be asked or answered. */
  forward(query: Buffer, question: Question, transport: "udp" | "tcp"): Promise<Buffer | undefined>;
  /** One that is at hand, without asking. */
  cached(query: Buffer, question: Question): Buffer | undefined;
}

export function createForwarder(options: {
  platform: Platform;
  /** Asked one after the other. */
  upstreams: readonly DatagramAddress[];
  log: Log;
}): Forwarder {
  const { platform, log } = options;
  /** Those that did not answer lately come last. */
  const upstreams = [...options.upstreams];
  const cache = new ForeignCache(platform.clock);
  const underWay = new Map<string, Promise<Buffer | undefined>>();

  async function ask(query: Buffer, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    for (const server of [...upstreams]) {
      try {
        const exchange = transport === "udp" ? exchangeOverUdp : exchangeOverTcp;
        const answer = await exchange(platform, query, { server, timeoutMs: forwardTimeoutMs });
        // A failure there may be none of the next one's.
        if (((answer[3] as number) & 0x0f) !== 2) return answer;
      } catch (error) {
        upstreams.push(...upstreams.splice(upstreams.indexOf(server), 1));
        log.debug("a DNS server does not answer", { server: server.host, error: errorText(error) });
      }
    }
    return undefined;
  }

  function cached(query: Buffer, question: Question): Buffer | undefined {
    const kept = cache.get(keyOf(question));
    return kept === undefined ? undefined : underQuestion(kept, query, question);
  }

  async function forward(
    query: Buffer,
    question: Question,
    transport: "udp" | "tcp",
  ): Promise<Buffer | undefined> {
    const key = keyOf(question);
    const flight = `${transport} ${key}`;
    let asking = underWay.get(flight);
    if (asking === undefined) {
      if (underWay.size >= forwardedMax) return undefined;
      const outgoing = Buffer.from(query);
      outgoing.set(platform.random.bytes(2), 0);
      asking = ask(outgoing, transport).finally(() => underWay.delete(flight));
      underWay.set(flight, asking);
      void asking.then((answer) => {
        try {
          if (answer !== undefined) cache.put(key, answer);
        } catch {
          log.debug("an answer that cannot be read is not kept");
        }
      });
    }
    const answer = await asking;
    return answer === undefined ? undefined : underQuestion(Buffer.from(answer), query, question);
  }

  return { forward, cached };
}

/** Name, type, class, and what changes the answer: recursion, checking, DNSSEC, the room there is. */
function keyOf({ labels, type, class: network, flags, edns }: Question): string {
  const wishes = `${flags & 0x0110} ${edns === undefined ? "-" : `${edns.dnssecOk} ${edns.udpBytes}`}`;
  return `${type} ${network} ${wishes} ${labels.join("\u0000")}`;
}

/** The answer with the id and the spelling of this query, as from one who asks others and has no authority. */
function underQuestion(answer: Buffer, query: Buffer, question: Question): Buffer {
  answer[2] = (answer[2] as number) & ~(messageFlag.authoritative >> 8);
  answer[3] = (answer[3] as number) | messageFlag.recursionAvailable;
  answer.set(query.subarray(0, 2), 0);
  answer.set(question.bytes, headerBytes);
  return answer;
}
