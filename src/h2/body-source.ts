import type { ServerResponse } from "node:http";

/**
 * A body that is made as it leaves, straight where it leaves from: it never lies anywhere as a whole, and one whose client reads slowly costs what it
 * is made of.
 */
export interface BodySource {
  /** Bytes of all of it, exactly. */
  readonly length: number;
  /** What it keeps in memory while it waits, bytes. */
  readonly heldBytes: number;
  /** Writes exactly the next `bytes` of it at `target[at]`. @throws where it cannot: the answer is broken off */
  writeNext(target: Uint8Array, at: number, bytes: number): void;
}

/** Told why an answer was broken off in the middle. */
export type BodyFailed = (error: unknown) => void;

/** A response that takes a source as the rest of its body. */
export interface TakesSource {
  endWith(source: BodySource, failed: BodyFailed): void;
}

/** What the next bytes are made in where nobody takes a source. */
const chunkBytesMax = 65_536;

/** Sends all of a source and ends the response, whatever carries it; `failed` is told where that breaks off. */
export function endWith(response: ServerResponse, source: BodySource, failed: BodyFailed): void {
  if (takesSource(response)) response.endWith(source, failed);
  else if (response.req.method === "HEAD") response.end();
  else endInChunks(response, source, failed);
}

const takesSource = (response: object): response is TakesSource => "endWith" in response;

function endInChunks(response: ServerResponse, source: BodySource, failed: BodyFailed): void {
  let left = source.length;
  const next = (): void => {
    if (response.destroyed) return;
    try {
      while (left > chunkBytesMax) {
        left -= chunkBytesMax;
        if (response.write(nextOf(source, chunkBytesMax))) continue;
        response.once("drain", next);
        return;
      }
      response.end(nextOf(source, left));
    } catch (error) {
      failed(error);
      response.destroy();
    }
  };
  next();
}

/** The whole of a body, for those who need it at once. A source cannot be asked again afterwards. */
export function wholeBody(body: Uint8Array | BodySource): Uint8Array {
  return body instanceof Uint8Array ? body : nextOf(body, body.length);
}

function nextOf(source: BodySource, bytes: number): Uint8Array {
  const chunk = Buffer.allocUnsafe(bytes);
  source.writeNext(chunk, 0, bytes);
  return chunk;
}
