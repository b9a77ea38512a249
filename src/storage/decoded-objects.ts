import type { KubeObject } from "../apimachinery/index.ts";
import type { Attributes, FieldIndexes } from "./ports.ts";

/** Something that was decoded, and can be again. */
interface Decoded {
  readonly value: Uint8Array;
  readonly object: KubeObject;
  /** Lets go of what was decoded. */
  forget(): void;
}

/** JSON of the objects of one resource that are kept decoded. On the heap they take three times as much. */
const decodedBytesMax = 4 * 1024 * 1024;

/**
 * The objects that were decoded last, of one resource. Bytes off the heap are the truth and cost the garbage collector nothing; an object on
 * the heap is kept while it is likely to be looked at again, which is while it is new. What selections ask of all objects (`attributesOf`)
 * is kept with each.
 */
export class DecodedObjects {
  readonly #indexes: FieldIndexes;
  readonly #bytesMax: number;
  readonly #frozen: boolean;
  #queue: Decoded[] = [];
  #head = 0;
  #bytes = 0;

  /** `frozen`: they are shared by all who look at them, and who changes one meets a TypeError. */
  constructor(indexes: FieldIndexes, options: { bytesMax?: number; frozen?: boolean } = {}) {
    this.#indexes = indexes;
    this.#bytesMax = options.bytesMax ?? decodedBytesMax;
    this.#frozen = options.frozen ?? false;
  }

  /** It was just decoded: the oldest make room for it. */
  keep(decoded: Decoded): void {
    if (this.#frozen) freeze(decoded.object);
    this.#queue.push(decoded);
    this.#bytes += decoded.value.length;
    while (this.#bytes > this.#bytesMax && this.#head < this.#queue.length - 1) {
      const oldest = this.#queue[this.#head++] as Decoded;
      this.#bytes -= oldest.value.length;
      oldest.forget();
    }
    if (this.#head * 2 <= this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  attributesOf(object: KubeObject): Attributes {
    const { labels } = object.metadata;
    const fields = Object.entries(this.#indexes);
    if (fields.length === 0) return labels === undefined ? nothing : { labels, indexed: nothing.indexed };
    return { labels, indexed: Object.fromEntries(fields.map(([field, read]) => [field, read(object)])) };
  }
}

const nothing: Attributes = { labels: undefined, indexed: {} };

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freeze);
}
