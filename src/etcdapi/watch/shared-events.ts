import { emptyBytes } from "../../base/index.ts";
import type { KvEvent } from "../../kv/index.ts";
import { encode, etcdserverpb } from "../../wire/index.ts";
import { watchSharedBytesMax } from "../limits.ts";
import { eventOf } from "./event.ts";
import { sizeOf } from "./fragments.ts";

/**
 * The events of watch responses, encoded once for all who get the same: the store tells its watchers one after the other, and gives them the same
 * objects. They are a response's last fields; what is in front of them differs from watch to watch.
 */
export class SharedEvents {
  #batch: readonly KvEvent[] = [];
  #bytes: Uint8Array = emptyBytes;

  /** Undefined: it is so large that keeping it would cost more than encoding it again. */
  encoded(batch: readonly KvEvent[]): Uint8Array | undefined {
    if (isSame(batch, this.#batch)) return this.#bytes;
    let bytes = 0;
    for (const event of batch) {
      bytes += sizeOf(event);
      if (bytes > watchSharedBytesMax) return undefined;
    }
    this.#batch = batch;
    this.#bytes = encode(etcdserverpb.WatchResponse, { events: batch.map(eventOf) });
    return this.#bytes;
  }
}

function isSame(a: readonly KvEvent[], b: readonly KvEvent[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
