import type { Holder } from "./reservations.ts";

/** What one request took, and what it will give back. */
export class Allocation {
  readonly holder: Holder;
  readonly ports = new Set<number>();
  readonly #undo: (() => Promise<void>)[] = [];
  readonly #later: (() => Promise<void>)[] = [];

  constructor(holder: Holder) {
    this.holder = holder;
  }

  undo(work: () => Promise<void>): void {
    this.#undo.push(work);
  }

  later(work: () => Promise<void>): void {
    this.#later.push(work);
  }

  async finish(outcome: "stored" | "failed"): Promise<void> {
    for (const work of outcome === "failed" ? this.#undo : this.#later) await work();
  }
}
