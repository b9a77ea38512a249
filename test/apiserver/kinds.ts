import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { applyMergePatch, type Json, type JsonObject } from "../../src/apimachinery/index.ts";
import type { KubernetesCodec } from "../../src/wire/index.ts";
import { normalise } from "./normalise.ts";

/** One request about an object, and what kube-apiserver 1.35.4 answered. Requests about one object stand in a row. */
export interface KindExchange {
  readonly kind: string;
  /** What is done, to which of the objects of the kind: `rich: PUT`. */
  readonly step: string;
  readonly method: string;
  readonly path: string;
  /** Of the body, `application/json` unless given; protobuf is made of the JSON in `body`. */
  readonly type?: string;
  readonly accept?: string;
  readonly body?: Json;
  /** The body is the object that was last answered under this path, with this merge patch applied. */
  readonly change?: Json;
  /** Repeated until the answer is of this code, or has a condition of this type. */
  readonly until?: string | number;
  readonly code: number;
  readonly warnings?: readonly string[];
  readonly answer?: unknown;
}

export type KindRequest = Omit<KindExchange, "code" | "warnings" | "answer">;

/** An object that the requests are made of, so that they can be recorded anew. */
export interface KindBase {
  readonly path: string;
  readonly object: JsonObject;
}

const protobuf = "application/vnd.kubernetes.protobuf";
export const fixture = new URL("../fixtures/kubernetes/kinds.jsonl.gz", import.meta.url);

export function readKinds(): { readonly bases: KindBase[]; readonly exchanges: KindExchange[] } {
  const bases: KindBase[] = [];
  const exchanges: KindExchange[] = [];
  for (const line of gunzipSync(readFileSync(fixture)).toString().trim().split("\n")) {
    const parsed = JSON.parse(line);
    if (parsed.object === undefined) exchanges.push(parsed);
    else bases.push(parsed);
  }
  return { bases, exchanges };
}

/** Objects as they were last answered, by path. */
export class LastAnswers {
  readonly #objects = new Map<string, JsonObject>();

  of({ path }: KindRequest): JsonObject | undefined {
    return this.#objects.get(objectPath(path));
  }

  note({ path }: KindRequest, answer: JsonObject): void {
    if (answer["kind"] !== "Status" && answer["kind"] !== "Table")
      this.#objects.set(objectPath(path), answer);
  }
}

const objectPath = (path: string): string => path.replace(/\?.*/, "").replace(/\/status$/, "");

/** Headers and body of a request; `last`: the object that was answered last. */
export function requestOf(
  { type = "application/json", accept = "application/json", body, change }: KindRequest,
  last: JsonObject | undefined,
  codec: KubernetesCodec,
): { headers: Record<string, string>; body: Uint8Array | undefined } {
  const headers = { "user-agent": "facts", accept };
  const sent = change === undefined ? body : applyMergePatch(last ?? {}, change);
  if (sent === undefined) return { headers, body: undefined };
  return {
    headers: { ...headers, "content-type": type },
    body: type === protobuf ? codec.encode(sent as never) : Buffer.from(JSON.stringify(sent)),
  };
}

/**
 * What an answer says apart from times, names and addresses of the moment. Who may do what is told in any order, and managers in quoted
 * objects in that of the seconds in which they wrote.
 */
export function comparable(answer: unknown): unknown {
  const quoted = /(\\"managedFields\\":\[).*?\]\}/g;
  const told: unknown = JSON.parse(JSON.stringify(answer), (_, value: unknown) =>
    typeof value === "string" ? value.replace(quoted, "$1…]}") : value,
  );
  const sorted = (answer as JsonObject)["kind"] === "SelfSubjectRulesReview";
  return normalise(told, { captures: new Map(), sorted });
}

/** The texts of Warning headers. */
export function warningTexts(header: string | readonly string[] | null | undefined): string[] {
  return [header ?? []]
    .flat()
    .flatMap((value) =>
      [...value.matchAll(/299 - ("(?:[^"\\]|\\.)*")/g)].map(
        ([, text]) => JSON.parse(text as string) as string,
      ),
    );
}

/** Whether a condition of this type is there and true, or the answer has this code. */
export function isReached(until: string | number, code: number, answer: unknown): boolean {
  if (typeof until === "number") return code === until;
  const { status } = answer as { status?: { conditions?: { type: string; status: string }[] } };
  return status?.conditions?.some((each) => each.type === until && each.status === "True") === true;
}
