import assert from "node:assert/strict";
import type { TestContext } from "node:test";

/** Answers that are otherwise than kube-apiserver's were, by kind: of each so many may be, and a number that falls is to be lowered. */
export class Differences {
  readonly #ofKind = new Map<string, string[]>();

  add(kind: string, text: string): void {
    this.#ofKind.set(kind, [...(this.#ofKind.get(kind) ?? []), text]);
  }

  /** Fails where more answers of a kind differ than may. */
  check(t: TestContext, differingMax: Readonly<Record<string, number>>): void {
    for (const [kind, list] of this.#ofKind) {
      const max = differingMax[kind] ?? 0;
      t.diagnostic(`${kind}: ${list.length} differ, ${max} may`);
      assert.ok(list.length <= max, `${kind}: ${list.length} differ, ${max} may:\n${list.join("\n")}`);
    }
  }
}
