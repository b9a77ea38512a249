import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Transport } from "../../src/client/index.ts";

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

/** Objects that are posted: nearly five thousand, every field of 80 objects taken away, emptied, out of range, malformed, twice, or added. */
export const creationsFixture = "mutations.jsonl.gz";
/** The same with objects that are there, and are put. */
export const updatesFixture = "updates.jsonl.gz";

export function readMutations(fixture: string): Mutation[] {
  const url = new URL(`../fixtures/kubernetes/${fixture}`, import.meta.url);
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

/** The object that was sent. `from`: what was changed, where it is not the base. */
export function mutated({ base, at, ...mutation }: Mutation, from: object = base.object): unknown {
  const object = structuredClone(from) as Nested;
  const last = at?.at(-1);
  if (at === undefined || last === undefined) return object;
  const parent = at.slice(0, -1).reduce((value, key) => value[key] as Nested, object);
  if (Object.hasOwn(mutation, "value")) parent[last] = mutation.value;
  else delete parent[last];
  return object;
}

/** What of an answer is compared. */
export type Told = Pick<Mutation, "code" | "causes" | "message" | "warnings">;

/** In one text; causes in any order, for upstream goes through maps in any order. */
export function told({ code, causes = [], message = "", warnings = [] }: Told): string {
  const lines = causes.map(({ reason, field, message: text }) => `${reason} ${field}: ${text}`);
  return [code, ...lines.sort(), message, ...[...warnings].sort()].join("\n  ");
}

interface Answered {
  readonly kind: string;
  readonly message: string;
  readonly details?: { readonly causes?: NonNullable<Told["causes"]> };
}

/** Reads an answer, and what is told by it. */
export async function answeredOf(
  answer: Awaited<ReturnType<Transport["request"]>>,
): Promise<Told & { readonly object: Answered }> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  const object = JSON.parse(Buffer.concat(chunks).toString()) as Answered;
  const warnings = textsOf(answer.headers["warning"]);
  if (object.kind !== "Status") return { code: answer.status, warnings, object };
  const causes = object.details?.causes ?? [];
  const why = causes.length === 0 ? { message: object.message } : { causes };
  return { code: answer.status, warnings, ...why, object };
}

function textsOf(header: string | readonly string[] | undefined): string[] {
  return [header ?? []]
    .flat()
    .flatMap((value) =>
      [...value.matchAll(/299 - ("(?:[^"\\]|\\.)*")/g)].map(
        ([, text]) => JSON.parse(text as string) as string,
      ),
    );
}
