/** Many watches in a process of their own, so that the server is measured and not the client. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { MeasuredApi } from "./api-servers.ts";

export interface WatchClient {
  readonly counting: Promise<void>;
  /** Milliseconds until every watch has had so many events. */
  untilEvents(count: number): Promise<number>;
  stop(): void;
}

/** `watches` of a collection from now on, spread over `connections`. Resolves when all of them have their answer's head. */
export async function watchClient(
  server: MeasuredApi,
  collection: string,
  { watches, connections }: { watches: number; connections: number },
): Promise<WatchClient> {
  const entry = join(import.meta.dirname, "watch-client.ts");
  const { metadata } = (await server.call("GET", `${collection}?limit=1`)) as {
    metadata: { resourceVersion: string };
  };
  // From now on: what is there already is no event.
  const from = `${collection}?watch=true&resourceVersion=${metadata.resourceVersion}`;
  const args = [entry, server.origin, server.token, from, `${connections}`, `${watches}`];
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, args, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  let resolveCounting: () => void = () => {};
  const counting = new Promise<void>((resolve) => {
    resolveCounting = resolve;
  });
  return {
    counting,
    async untilEvents(count) {
      child.stdin.write(`${count}\n`);
      await lines.next();
      resolveCounting();
      const { value } = await lines.next();
      return Number(String(value).split(" ")[1]);
    },
    stop: () => child.kill("SIGKILL"),
  };
}
