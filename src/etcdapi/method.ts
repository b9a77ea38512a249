import type { Draft, MethodInfo } from "../wire/index.ts";

/** One question, one answer. */
export interface UnaryMethod<Request, Response> {
  readonly kind: "unary";
  readonly info: MethodInfo<Request, Response>;
  /** It may take as long as it likes, and is told when nobody waits for the answer any more. */
  readonly waits: boolean;
  /** `signal`: of a method that waits; it aborts when the client went away or its time is over. @throws RpcError, KvError */
  handle(request: Request, signal: AbortSignal): Promise<Draft<Response>>;
  /** About how many bytes an answer takes, of methods whose answers may be large: memory for it is then taken once. */
  readonly bytesOf?: (response: Draft<Response>) => number;
}

/** The way back of a stream. Calls after it ended do nothing. */
export interface Reply<Response> {
  /**
   * False when the message was taken but the client does not keep up: wait for `drain`. `tail`: the message's last fields as bytes, where many
   * messages have the same; `message` is without them.
   */
  send(message: Draft<Response>, tail?: Uint8Array): boolean;
  /** Ends the call, well or with what was thrown. */
  end(thrown?: unknown): void;
  /** Takes no more requests until `resume`. */
  pause(): void;
  resume(): void;
}

/** Gets what the client streams. What it throws ends the call. */
export interface RequestObserver<Request> {
  request(message: Request): void;
  /** The client has nothing more to say, and still listens. */
  requestsEnded(): void;
  drain(): void;
  /** The last call: the stream is gone, by whichever side. */
  closed(): void;
}

/** Messages in both directions, or in ours only. */
export interface StreamMethod<Request, Response> {
  readonly kind: "stream";
  readonly info: MethodInfo<Request, Response>;
  open(reply: Reply<Response>): RequestObserver<Request>;
}

/** Any method, its types forgotten: requests are decoded by the very codec that the handler was typed with. */
export type Method = UnaryMethod<unknown, unknown> | StreamMethod<unknown, unknown>;

export function unary<Request, Response>(
  info: MethodInfo<Request, Response>,
  handle: (request: Request) => Promise<Draft<Response>>,
  bytesOf?: (response: Draft<Response>) => number,
): Method {
  return { kind: "unary", info, waits: false, handle, ...(bytesOf && { bytesOf }) } as UnaryMethod<
    Request,
    Response
  > as Method;
}

export function waiting<Request, Response>(
  info: MethodInfo<Request, Response>,
  handle: (request: Request, signal: AbortSignal) => Promise<Draft<Response>>,
): Method {
  return { kind: "unary", info, waits: true, handle } as UnaryMethod<Request, Response> as Method;
}

/** What a method that does not wait is given: a signal costs more than some of their answers. */
export const neverAborted = new AbortController().signal;

export function stream<Request, Response>(
  info: MethodInfo<Request, Response>,
  open: (reply: Reply<Response>) => RequestObserver<Request>,
): Method {
  return { kind: "stream", info, open } as StreamMethod<Request, Response> as unknown as Method;
}
