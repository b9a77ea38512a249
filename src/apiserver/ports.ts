import type { IncomingMessage, ServerResponse } from "node:http";
import type { UserInfo } from "../apimachinery/index.ts";
import type { Transport } from "../client/index.ts";
import type { TakeConnection } from "../h2/index.ts";
import type { ConversionWebhook } from "../registry/index.ts";

/** The resource API behind HTTP, whatever carries it. */
export interface ApiServer {
  /** What the HTTP layer calls for each request (koa's callback). */
  readonly callback: (request: IncomingMessage, response: ServerResponse) => void;
  /** What it calls for each request that asks for another protocol. */
  readonly upgrade: (request: IncomingMessage, response: ServerResponse, take: TakeConnection) => void;
  /** The same onion without a socket, as `user`. */
  transport(user: UserInfo): Transport;
  /** Adds a named check to /healthz, /livez and /readyz; it answers undefined when all is well, else the reason. */
  addLivenessCheck(name: string, check: () => string | undefined): void;
  /** Adds a named check to /readyz; it answers undefined when ready, else the reason. */
  addReadinessCheck(name: string, check: () => string | undefined): void;
  /** What is done once at the start, such as `poststarthook/rbac/bootstrap-roles`: /readyz fails until it is, /healthz and /livez show it. */
  addStartHook(name: string, done: Promise<unknown>): void;
  /** Registers what this server serves as APIServices, and follows those of other servers. Resolves once all are registered. */
  aggregate(): Promise<void>;
  /** Asks the conversion webhook of a CRD, which may be a Service of this cluster. */
  readonly convert: ConversionWebhook;
  /** Ends watches and refuses new requests. */
  close(): Promise<void>;
}
