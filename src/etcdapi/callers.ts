/** Who calls: from what a client shows, to the rights that its call has. */
import type { Caller } from "../kv/index.ts";
import type { Method, RequestObserver } from "./method.ts";
import type { Credentials, StoreAccess, Who } from "./ports.ts";

/** A method, for whoever calls it. */
export interface Endpoint {
  /** For somebody who has not said who they are: all there is while nobody has to. */
  readonly method: Method;
  /** For somebody else; made anew for each call. */
  as(who: Who): Method;
}

/** Names of header fields that a token comes in: of gRPC clients, then of the gateway's. */
export function tokenOf(headers: Readonly<Record<string, unknown>>): string | undefined {
  const token = headers["token"] ?? headers["authorization"];
  return typeof token === "string" ? token.replace(/^Bearer /, "") : undefined;
}

/**
 * Calls `use` with the method as it is for whoever shows these credentials: at once, or as soon as this member has heard of a token that another
 * one may have made a moment ago.
 */
export function withCaller(
  endpoint: Endpoint,
  access: StoreAccess | undefined,
  credentials: () => Credentials,
  use: (method: Method) => void,
): void {
  if (!access?.enabled) return use(endpoint.method);
  const shown = credentials();
  const method = endpoint.as(() => access.callerOf(shown));
  const arrives = shown.token === undefined ? undefined : access.tokenArrives(shown.token);
  // A member without a leader cannot know the token, and says so when it looks for it.
  if (arrives === undefined) use(method);
  else
    void arrives.then(
      () => use(method),
      () => use(method),
    );
}

/** The method, once it is sure that the caller may call it. `check` throws KvError. */
export function guarded(method: Method, who: Who, check: (caller: Caller, request: unknown) => void): Method {
  if (method.kind === "unary") {
    return {
      ...method,
      async handle(request, signal) {
        check(who(), request);
        return method.handle(request, signal);
      },
    };
  }
  return {
    ...method,
    open(reply) {
      try {
        check(who(), undefined);
      } catch (thrown) {
        reply.end(thrown);
        return deaf;
      }
      return method.open(reply);
    },
  };
}

/** Of a call that ended before it began. */
export const deaf: RequestObserver<unknown> = {
  request() {},
  requestsEnded() {},
  drain() {},
  closed() {},
};
