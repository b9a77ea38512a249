import { setTimeout as sleep } from "node:timers/promises";
import type { Transport, TransportResponse } from "../../src/client/index.ts";
import type { Exchange } from "./exchanges.ts";
import { clockSpeed } from "./fast-clock.ts";
import { type Normaliser, normalise, normaliseText, sortedText } from "./normalise.ts";

/** What became of one exchange. */
export interface Outcome {
  readonly exchange: Exchange;
  readonly matches: boolean;
  /** What differs, for a person. */
  readonly difference: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  readonly response: unknown;
  readonly resourceVersionChanged: boolean | undefined;
}

const defaultHeaders: Readonly<Record<string, string>> = {
  authorization: "Bearer admin-token",
  "user-agent": "facts",
  accept: "application/json",
  host: "127.0.0.1:6443",
};
const comparedHeaders = [
  "content-type",
  "warning",
  "location",
  "retry-after",
  "www-authenticate",
  "etag",
  "last-modified",
  "allow",
  "vary",
  "cache-control",
  "x-content-type-options",
];

/** Here caches and informers are in the same process: they need no longer than this to catch up. */
const delayMsMax = 30;
const retryMsMax = 1000;
const retryEveryMs = 50;

/** Replays exchanges in order against one server. The transport must not say who asks: tokens do. */
export class Replay {
  readonly #transport: Transport;
  readonly #captures = new Map<string, string>();
  readonly #versions = new Map<string, string>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What kube-apiserver makes for itself when it starts. */
  async prepare(): Promise<void> {
    for (const name of ["default", "kube-system", "kube-public", "kube-node-lease"]) {
      await this.#transport.request({
        method: "POST",
        path: "/api/v1/namespaces",
        headers: { ...defaultHeaders, "content-type": "application/json" },
        body: JSON.stringify({ metadata: { name } }),
      });
    }
  }

  async run(exchange: Exchange): Promise<Outcome> {
    if (exchange.delayMs !== undefined) await sleep(Math.min(exchange.delayMs, delayMsMax));
    const until = performance.now() + Math.min(exchange.retryMs ?? 0, retryMsMax);
    for (;;) {
      const answer = await this.#exchange(exchange);
      const difference = differenceOf(answer, exchange);
      const hopeless = answer.status === 404 && exchange.status !== 404;
      if (difference === "" || hopeless || performance.now() >= until) {
        return { exchange, matches: difference === "", difference };
      }
      await sleep(retryEveryMs);
    }
  }

  async #exchange(exchange: Exchange): Promise<Answer> {
    const { signal, response } = await this.#send(exchange);
    const text = await readText(response, exchange, signal);
    const headers: Record<string, string | string[]> = {};
    for (const name of comparedHeaders) {
      const value = response.headers[name];
      if (value === undefined || (name === "cache-control" && value === "no-cache, private")) continue;
      headers[name] =
        name === "warning"
          ? warnings(normaliseText(value, { captures: this.#captures, sorted: false }))
          : name === "etag"
            ? '"<hash>"'
            : name === "last-modified"
              ? "<time>"
              : value;
    }
    return this.#answer(exchange, response.status, headers, text);
  }

  async #send(exchange: Exchange): Promise<{ signal: AbortController; response: TransportResponse }> {
    const headers: Record<string, string> = { ...defaultHeaders };
    const body = this.#body(exchange);
    if (body !== undefined) headers["content-type"] = "application/json";
    for (const [name, value] of Object.entries(exchange.headers ?? {})) {
      if (value === null || value === "") delete headers[name.toLowerCase()];
      else headers[name.toLowerCase()] = this.#filled(value);
      if (value === "" && name.toLowerCase() !== "content-type") headers[name.toLowerCase()] = "";
    }
    const signal = new AbortController();
    const response = await this.#transport.request({
      method: exchange.method,
      path: this.#filled(exchange.path),
      headers,
      ...(body === undefined ? {} : { body }),
      signal: signal.signal,
    });
    return { signal, response };
  }

  #body({ body, bodyRepeat }: Exchange): string | undefined {
    if (body === undefined) return undefined;
    const raw = this.#filled(typeof body === "string" ? body : JSON.stringify(body));
    const text = raw.replace(/\$\{repeat:([^:]+):(\d+)\}/g, (_, what: string, times) =>
      what.repeat(Number(times)),
    );
    return bodyRepeat === undefined ? text : text.repeat(bodyRepeat);
  }

  #filled(text: string): string {
    return text.replace(/\$\{(\w+)\}/g, (all, name) => this.#captures.get(name) ?? all);
  }

  #answer(
    exchange: Exchange,
    status: number,
    headers: Record<string, string | string[]>,
    text: string,
  ): Answer {
    const raw = parsed(text, exchange, status);
    for (const [name, path] of Object.entries(exchange.capture ?? {})) {
      const value = valueAt(raw, path);
      if (value !== undefined) this.#captures.set(name, String(value));
    }
    const how: Normaliser = { captures: this.#captures, sorted: exchange.sorted === true };
    const changed = this.#versionChanged(raw, exchange);
    const picked = exchange.pick === undefined ? raw : pointer(raw, exchange.pick);
    const response =
      typeof picked === "string"
        ? normaliseText(firstLines(picked, exchange.lines), how)
        : normalise(picked, how);
    return { status, headers, response, resourceVersionChanged: changed };
  }

  /** Whether a write showed another resourceVersion than the last answer with this uid. */
  #versionChanged(raw: unknown, exchange: Exchange): boolean | undefined {
    const shown = objectsIn(raw);
    const [first] = shown;
    const previous = first === undefined ? undefined : this.#versions.get(first.uid);
    for (const { uid, resourceVersion } of shown) this.#versions.set(uid, resourceVersion);
    if (exchange.resourceVersionChanged === undefined || first === undefined) return undefined;
    return previous !== first.resourceVersion;
  }
}

function objectsIn(raw: unknown): { uid: string; resourceVersion: string }[] {
  const found: { uid: string; resourceVersion: string }[] = [];
  const look = (object: unknown): void => {
    const metadata = (object as { metadata?: { uid?: string; resourceVersion?: string } } | null)?.metadata;
    if (metadata?.uid !== undefined && metadata.resourceVersion !== undefined) {
      found.push({ uid: metadata.uid, resourceVersion: metadata.resourceVersion });
    }
  };
  look(raw);
  const { items } = (raw ?? {}) as { items?: unknown };
  if (Array.isArray(items)) items.forEach(look);
  return found;
}

async function readText(
  response: TransportResponse,
  exchange: Exchange,
  signal: AbortController,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  const isStream = exchange.streamMs !== undefined;
  // What was recorded without reading its stream is only begun here.
  if (!isStream && exchange.response === "" && /[?&]watch=/.test(exchange.path)) {
    signal.abort();
    return "";
  }
  const limitMs = isStream ? (exchange.streamMs as number) / clockSpeed + 200 : 10_000;
  const timer = setTimeout(() => signal.abort(), limitMs);
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk);
      if (exchange.streamMax !== undefined && countLines(chunks) >= exchange.streamMax) break;
    }
  } catch (error) {
    if (!signal.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    signal.abort();
  }
  return Buffer.concat(chunks).toString();
}

const countLines = (chunks: readonly Uint8Array[]): number =>
  Buffer.concat(chunks).toString().split("\n").length - 1;

const warnings = (value: string): string | string[] => {
  const parts = value.split(/, (?=299 )/);
  return parts.length === 1 ? (parts[0] as string) : parts;
};

function parsed(text: string, exchange: Exchange, status: number): unknown {
  if (exchange.streamMs !== undefined && status === 200) {
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line)).slice(0, exchange.streamMax);
  }
  if (typeof exchange.response === "string" && exchange.pick === undefined) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const firstLines = (text: string, lines: number | undefined): string =>
  lines === undefined ? text : text.split("\n").slice(0, lines).join("\n");

function valueAt(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce((at: unknown, part) => (at as Record<string, unknown> | undefined)?.[part], value);
}

function pointer(value: unknown, path: string): unknown {
  const parts = path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return parts.reduce((at: unknown, part) => (at as Record<string, unknown> | undefined)?.[part], value);
}

function differenceOf(answer: Answer, exchange: Exchange): string {
  const how: Normaliser = { captures: new Map(), sorted: exchange.sorted === true };
  const wanted = {
    status: exchange.status,
    headers: Object.fromEntries(
      Object.entries(exchange.responseHeaders ?? {}).filter(([name]) => comparedHeaders.includes(name)),
    ),
    response: typeof exchange.response === "string" ? exchange.response : normalise(exchange.response, how),
    changed: exchange.resourceVersionChanged,
  };
  const found = {
    status: answer.status,
    headers: answer.headers,
    response: answer.response,
    changed: answer.resourceVersionChanged,
  };
  const parts: string[] = [];
  for (const key of ["status", "headers", "response", "changed"] as const) {
    const [want, got] = [sortedText(wanted[key]), sortedText(found[key])];
    if (want !== got)
      parts.push(`${key}\n    wanted ${excerpt(want, got)}\n    found  ${excerpt(got, want)}`);
  }
  return parts.join("\n  ");
}

/** The neighbourhood of the first difference. */
function excerpt(text: string | undefined, other: string | undefined): string {
  if (text === undefined || other === undefined) return String(text);
  let at = 0;
  while (at < text.length && text[at] === other[at]) at++;
  const from = Math.max(0, at - 80);
  return `${from > 0 ? "…" : ""}${text.slice(from, at + 220)}${text.length > at + 220 ? "…" : ""}`;
}
