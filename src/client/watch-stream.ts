import { type KubeObject, parseJson, type WatchEvent } from "../apimachinery/index.ts";
import { concatBytes, fromUtf8 } from "../base/index.ts";
import { watchLineBytesMax } from "./limits.ts";

const newline = 0x0a;

/**
 * The events of a watch: one JSON object a line, however the bytes are cut. Ends with the body or, without an error,
 * when the signal fires.
 */
export async function* readWatch<T extends KubeObject>(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  try {
    for await (const chunk of body) {
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        pending.push(chunk.subarray(start, end));
        const line = pending.length === 1 ? (pending[0] as Uint8Array) : concatBytes(pending);
        pending = [];
        pendingBytes = 0;
        start = end + 1;
        if (signal.aborted) return;
        if (line.length > 0) yield parseJson(fromUtf8(line)) as unknown as WatchEvent<T>;
      }
      if (start === chunk.length) continue;
      pendingBytes += chunk.length - start;
      if (pendingBytes > watchLineBytesMax) {
        throw new Error(`a watch event is longer than ${watchLineBytesMax} bytes`);
      }
      // The transport may use its buffer again.
      pending.push(chunk.slice(start));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
