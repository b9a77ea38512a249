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
  /** Changes an object at a pace; milliseconds from a change being sent to its event, of 99 in 100 events of all watches. */
  p99Ms(changes: { count: number; perSecond: number; path: string }): Promise<number>;
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
  const ask = async (line: string): Promise<number> => {
    child.stdin.write(`${line}\n`);
    await lines.next();
    resolveCounting();
    const { value } = await lines.next();
    return Number(String(value).split(" ")[1]);
  };
  return {
    counting,
    untilEvents: (count) => ask(`${count}`),
    p99Ms: ({ count, perSecond, path }) => ask(`${count} ${perSecond} ${path}`),
    stop: () => child.kill("SIGKILL"),
  };
}
