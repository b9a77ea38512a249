import type { KubeObject } from "../apimachinery/index.ts";
import { equalBytes } from "../base/index.ts";

interface WriteUnderWay {
  readonly key: string;
  readonly value: Uint8Array;
  /** What `value` is encoded from. */
  readonly content: KubeObject;
}

/**
 * What this process is writing. It comes back by the watch as bytes, before the write is answered and in the order in which it was begun:
 * where they are the bytes that were made of an object at hand, that object is what they would be decoded to.
 */
export class WritesUnderWay {
  /** The next to come back is the first. */
  readonly #writes: WriteUnderWay[] = [];

  begin(key: string, value: Uint8Array, content: KubeObject): WriteUnderWay {
    const write = { key, value, content };
    this.#writes.push(write);
    return write;
  }

  /** It has failed, or nobody watched. */
  end(write: WriteUnderWay): void {
    this.#remove(this.#writes.indexOf(write));
  }

  /** The object that `value` was encoded from, where that was here. */
  take(key: string, value: Uint8Array): KubeObject | undefined {
    const at = this.#writes.findIndex((write) => write.key === key && equalBytes(write.value, value));
    return this.#remove(at)?.content;
  }

  #remove(at: number): WriteUnderWay | undefined {
    if (at < 0) return undefined;
    return at === 0 ? this.#writes.shift() : this.#writes.splice(at, 1)[0];
  }
}
