import { unifiedDiff } from "../../apimachinery/index.ts";
import { internalForm } from "../../schema/index.ts";

/** What changed in a value that must not, as upstream tells it: a diff of its internal form. */
export function changesOf(type: Parameters<typeof internalForm>[0], next: object, old: object): string {
  const text = (value: object): string =>
    JSON.stringify(internalForm(type, value), inDigits, 1).replace(/[<>&\u2028\u2029]/g, escaped);
  return unifiedDiff(text(old), text(next));
}

/** Integers beyond 2^53 are only shown here. */
const inDigits = (_: string, value: unknown): unknown => (typeof value === "bigint" ? Number(value) : value);

/** Go's encoder makes JSON safe to stand in HTML. */
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
