import { concatBytes } from "../base/index.ts";
import type { Clock, Connection } from "../platform/index.ts";
import { withLength } from "./exchange.ts";
import { tcpIdleMs, tcpPipelineMax } from "./limits.ts";
import type { Responder } from "./responder.ts";

/** Serves queries on a connection, several at a time, until it ends or idles (RFC 7766). */
export function serveConnection({ stream }: Connection, responder: Responder, clock: Clock): void {
  let rest: Uint8Array = new Uint8Array(0);
  let waiting = 0;
  let ended = false;
  const idleTimer = () => clock.after(tcpIdleMs, () => stream.destroy(), { background: true });
  let idle = idleTimer();

  function take(): void {
    while (rest.length >= 2) {
      const length = ((rest[0] as number) << 8) | (rest[1] as number);
      if (rest.length < 2 + length) break;
      const query = Buffer.from(rest.slice(2, 2 + length));
      rest = rest.subarray(2 + length);
      void answer(query);
    }
    // A client that does not read its answers gets no more work done for it.
    if (waiting >= tcpPipelineMax || stream.writableNeedDrain) stream.pause();
  }

  async function answer(query: Buffer): Promise<void> {
    waiting++;
    idle.cancel();
    const bytes = await responder.respond(query, "tcp");
    waiting--;
    if (stream.destroyed) return;
    if (bytes !== undefined) stream.write(withLength(bytes));
    if (waiting === 0) {
      if (ended) stream.end();
      else idle = idleTimer();
    }
    if (waiting < tcpPipelineMax && !stream.writableNeedDrain) stream.resume();
  }

  stream.on("data", (chunk: Uint8Array) => {
    rest = rest.length === 0 ? chunk : concatBytes([rest, chunk]);
    take();
  });
  stream.on("drain", () => stream.resume());
  stream.on("end", () => {
    ended = true;
    if (waiting === 0) stream.end();
  });
  stream.on("error", () => stream.destroy());
  stream.on("close", () => idle.cancel());
}
