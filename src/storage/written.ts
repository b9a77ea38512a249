import type { KubeObject } from "../apimachinery/index.ts";
import type { Stored } from "./ports.ts";

/** What a write left, and whether it made the object. */
export class Written implements Stored {
  readonly #stored: Stored;
  readonly created: boolean;

  constructor(stored: Stored, created: boolean) {
    this.#stored = stored;
    this.created = created;
  }

  get key(): string {
    return this.#stored.key;
  }

  get object(): KubeObject {
    return this.#stored.object;
  }

  get resourceVersion(): string {
    return this.#stored.resourceVersion;
  }

  json(): Uint8Array {
    return this.#stored.json();
  }

  get jsonLength(): number {
    return this.#stored.jsonLength;
  }

  copyJson(target: Uint8Array, at: number): number {
    return this.#stored.copyJson(target, at);
  }

  jsonBeginsWith(bytes: Uint8Array): boolean {
    return this.#stored.jsonBeginsWith(bytes);
  }
}
