import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A valid object, posted to `path` with dryRun. */
export interface Base {
  readonly path: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** The object with one thing changed, and what kube-apiserver 1.35.4 answered. */
export interface Mutation {
  readonly base: Base;
  /** Where in the object; absent: nothing was changed. */
  readonly at?: readonly (string | number)[];
  /** What stands there instead; absent: the field was taken away. */
  readonly value?: unknown;
  readonly code: number;
  readonly causes?: readonly { readonly reason: string; readonly field: string; readonly message: string }[];
  readonly message?: string;
  readonly warnings?: readonly string[];
}

/** Stands for 300 times "a". */
const long = "\u0024{300}";

/** Nearly five thousand of them: every field of 80 objects taken away, emptied, out of range, malformed, twice, or added. */
export function readMutations(): Mutation[] {
  const url = new URL("../fixtures/kubernetes/mutations.jsonl.gz", import.meta.url);
  const text = gunzipSync(readFileSync(url)).toString().replaceAll(long, "a".repeat(300));
  const mutations: Mutation[] = [];
  let base: Base = { path: "", object: {} };
  for (const line of text.trim().split("\n")) {
    const parsed = JSON.parse(line);
    if (parsed.object !== undefined) base = parsed;
    else mutations.push({ base, ...parsed });
  }
  return mutations;
}

type Nested = { [key: string | number]: unknown };

/** The object that was sent. */
export function mutated({ base, at, ...mutation }: Mutation): unknown {
  const object = structuredClone(base.object) as Nested;
  const last = at?.at(-1);
  if (at === undefined || last === undefined) return object;
  const parent = at.slice(0, -1).reduce((value, key) => value[key] as Nested, object);
  if (Object.hasOwn(mutation, "value")) parent[last] = mutation.value;
  else delete parent[last];
  return object;
}
