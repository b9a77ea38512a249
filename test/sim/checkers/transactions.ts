import { fromUtf8 } from "../../../src/base/index.ts";
import type { KeyValue } from "../../../src/kv/index.ts";

/** Keys that are only ever written together, in one transaction. */
export const pairedKeys = ["k-left", "k-right"] as const;

/** Transactions are atomic: of two keys that are written together nobody sees one alone, in a state or among changes. No model is needed. */
export function pairsMustBeWhole(kvs: readonly KeyValue[], where: string): void {
  const [left, right] = pairedKeys.map((key) =>
    kvs.flatMap((kv) => (fromUtf8(kv.key) === key ? [kv.modRevision] : [])).join(),
  );
  if (left !== right)
    throw new Error(
      `atomic transactions: ${where} shows ${pairedKeys[0]} of ${left || "never"} with ${pairedKeys[1]} of ${right || "never"}`,
    );
}
