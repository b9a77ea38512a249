import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { GroupVersionKind, Json, KubeObject } from "../../src/apimachinery/index.ts";
import { type ResourceInfo, resourceInfo } from "../../src/schema/index.ts";

/** Recorded requests to kube-apiserver 1.35 and its answers, as far as they are about one object of a built-in kind. */
export interface Exchange {
  readonly area: string;
  readonly name: string;
  readonly method: string;
  readonly info: ResourceInfo;
  readonly kind: GroupVersionKind;
  readonly namespace: string;
  /** "" for a collection. */
  readonly object: string;
  readonly subresource: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly accept: string;
  readonly body: Json | undefined;
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was answered.
  readonly response: any;
}

/** Stands for every time that the recording left out. */
export const someTime = "2026-01-01T00:00:00Z";

interface Recorded {
  area: string;
  name: string;
  method: string;
  path: string;
  headers?: Record<string, string | null>;
  body?: Json;
  status: number;
  response: unknown;
}

export function readExchanges(): Exchange[] {
  const file = new URL("../fixtures/kubernetes/exchanges.jsonl.gz", import.meta.url);
  const text = gunzipSync(readFileSync(file)).toString("utf8");
  return text.trim().split("\n").flatMap(readExchange);
}

function readExchange(line: string): Exchange[] {
  const recorded = JSON.parse(line.replaceAll("<time>", someTime)) as Recorded;
  const [path = "", query = ""] = recorded.path.split("?", 2);
  const place = locate(path);
  if (place === undefined) return [];
  const { info } = place;
  return [
    {
      ...recorded,
      ...place,
      kind: { group: info.group, version: info.version, kind: info.kind },
      query: new URLSearchParams(query),
      contentType: recorded.headers?.["Content-Type"] ?? "application/json",
      accept: recorded.headers?.Accept ?? "application/json",
      body: recorded.body,
    },
  ];
}

function locate(path: string): Pick<Exchange, "info" | "namespace" | "object" | "subresource"> | undefined {
  const match = /^\/api(?:s\/([^/]+))?\/([^/]+)\/(.+)$/.exec(path);
  if (match === null) return undefined;
  const [, group = "", version = "", rest = ""] = match;
  const parts = rest.split("/");
  const scoped = parts[0] === "namespaces" && parts[2] !== undefined && !/^(status|finalize)$/.test(parts[2]);
  const namespace = scoped ? (parts[1] as string) : "";
  const [resource = "", object = "", subresource = ""] = scoped ? parts.slice(2) : parts;
  const info = resourceInfo({ group, version, resource });
  return info === undefined ? undefined : { info, namespace, object, subresource };
}

/** Whether an exchange succeeded and answered the object itself. */
export function answersObject(exchange: Exchange): boolean {
  return (
    (exchange.status === 200 || exchange.status === 201) &&
    exchange.accept === "application/json" &&
    typeof exchange.response === "object" &&
    exchange.response?.kind === exchange.info.kind &&
    (exchange.response as KubeObject).metadata !== undefined
  );
}
