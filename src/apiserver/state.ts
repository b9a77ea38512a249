import type { Context } from "koa";
import type { UserInfo } from "../apimachinery/index.ts";
import type { AuditTrail } from "../audit/index.ts";
import type { BodySource } from "../h2/index.ts";
import type { ResourceHandler } from "../registry/index.ts";
import type { FlowHeaders } from "./flow-control/flow-classifier.ts";
import { warningBytesMax, warningTextCharsMax } from "./limits.ts";
import type { RequestInfo } from "./request-info.ts";

/** What the layers learn about a request, outermost first. */
interface RequestState {
  /** Audit-Id */
  id: string;
  info: RequestInfo;
  user: UserInfo;
  /** On the monotonic clock, in milliseconds: until when whoever is asked about the request must have answered. */
  deadline: number;
  /** Where it belongs in flow control; undefined before that is known, and for what flow control does not look at. */
  flow: FlowHeaders | undefined;
  /** What serves the request, once it is found. */
  handler: ResourceHandler | undefined;
  readonly warnings: Warnings;
  /** What is sent once every layer is done; undefined while nothing is decided, or where a stream is under way. */
  reply: Reply | undefined;
  /** A handler sends the answer itself, piece by piece. */
  streaming: boolean;
  /** What is told of the request in the record of who did what; undefined where nothing is. */
  audit: AuditTrail | undefined;
  /** Authorization has refused, not admission. */
  refusedByAuthorizer: boolean;
}

/** What every answer says of its request. */
export function toldOfRequest({ id, flow }: Pick<RequestState, "id" | "flow">): Record<string, string> {
  return { "audit-id": id, ...flow };
}

/** An answer of which everything is known; a body that is a source may be asked for once. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | BodySource | string;
}

/** A koa context of this server. */
export interface ApiContext extends Context {
  state: RequestState;
}

/** What becomes of a request. */
export type Handler = (context: ApiContext) => Promise<void>;

/**
 * One concern around all that is further in. One that waits for nothing before and does nothing after the inner ones answers what they answer:
 * each promise more costs every request.
 */
export type Layer = (context: ApiContext, next: Handler) => Promise<void>;

/** Layers around one another, the outermost first; put together once, so that a request makes nothing to find its way. */
export function onion(layers: readonly Layer[]): Handler {
  const inside: Handler = () => Promise.resolve();
  return layers.reduceRight<Handler>((next, layer) => (context) => layer(context, next), inside);
}

/** Texts for `Warning` headers (RFC 7234): each once, bounded as upstream's. */
export class Warnings {
  #texts: Set<string> | undefined;
  #bytes = 0;

  add(text: string): void {
    if (text === "" || this.#texts?.has(text) === true || this.#bytes > warningBytesMax) return;
    const short = text.length > warningTextCharsMax * 16 ? text.slice(0, warningTextCharsMax * 16) : text;
    this.#bytes += short.length;
    this.#texts ??= new Set();
    this.#texts.add(short);
  }

  /** Values of the header. */
  headers(): string[] {
    return [...(this.#texts ?? [])].map((text) => `299 - ${quoted(text)}`);
  }
}

/** RFC 7230 quoted-string in UTF-8 bytes; control characters would end the header. */
function quoted(text: string): string {
  const escaped = text.replace(/["\\]/g, "\\$&").replace(/\p{Cc}/gu, " ");
  return `"${Buffer.from(escaped).toString("latin1")}"`;
}
