import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/**
 * One request and what the original kube-apiserver answered, normalised. The fixture holds 2,580 of them; they are replayed in the
 * order of the file.
 */
export interface Exchange {
  readonly area: string;
  readonly name: string;
  /** `apiserver`: no controllers run. */
  readonly needs: "apiserver" | "controllers" | "controllers+nodes";
  readonly method: string;
  readonly path: string;
  /** On top of the defaults; null takes one away. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: unknown;
  readonly bodyRepeat?: number;
  readonly capture?: Readonly<Record<string, string>>;
  readonly delayMs?: number;
  readonly retryMs?: number;
  readonly streamMs?: number;
  readonly streamMax?: number;
  /** `response` is only the part at this JSON pointer. */
  readonly pick?: string;
  /** `response` is only that many first lines. */
  readonly lines?: number;
  readonly sorted?: boolean;
  readonly status: number;
  readonly responseHeaders?: Readonly<Record<string, string | readonly string[]>>;
  readonly response?: unknown;
  readonly resourceVersionChanged?: boolean;
}

export function readExchanges(): Exchange[] {
  const url = new URL("../fixtures/kubernetes/exchanges.jsonl.gz", import.meta.url);
  const lines = gunzipSync(readFileSync(url)).toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Exchange);
}
