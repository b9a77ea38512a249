import { type Transport, undiciTransport } from "../../client/index.ts";

/** Servers that this one asks (webhooks, aggregated API servers), each with its connections kept. */
export interface Peer {
  /** `https://10.1.2.3:8443` */
  readonly server: string;
  /** The name in its certificate, where that is not the host. */
  readonly serverName?: string;
  /** PEM; the system's authorities where left out. */
  readonly ca?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** PEM with which this server says who it is. */
  readonly cert?: string;
  readonly key?: string;
  /** Headers that stand several times are told apart in HTTP/1.1 only. */
  readonly http1?: boolean;
  readonly timeoutMs: number;
}

/** Peers whose connections are kept; of more the one longest unused is let go. */
const peersMax = 64;

export class Peers {
  readonly #open = new Map<string, Transport & { close(): Promise<void> }>();

  transport(peer: Peer): Transport {
    const key = JSON.stringify(peer);
    let transport = this.#open.get(key);
    if (transport === undefined) {
      transport = undiciTransport(peer);
      const [oldest] = this.#open;
      if (oldest !== undefined && this.#open.size >= peersMax) {
        this.#open.delete(oldest[0]);
        void oldest[1].close();
      }
    } else this.#open.delete(key);
    this.#open.set(key, transport);
    return transport;
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((transport) => transport.close()));
  }
}

/** The whole of an answer. @throws Error where it is longer */
export async function wholeBody(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
