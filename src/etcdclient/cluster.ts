import { createHttpClient } from "../h2/index.ts";
import type { ConnectOptions, Platform } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { Draft, etcdserverpb, MethodInfo } from "../wire/index.ts";
import { type Call, type CallObserver, openCall } from "./call.ts";
import { Endpoint } from "./endpoint.ts";
import type { EndpointAddress } from "./endpoint-address.ts";
import { errorOf, isTransient, isUndone } from "./errors.ts";
import { requestTimeoutMs, retryMsMax, retryMsMin, waitingCallsMax } from "./limits.ts";
import { type RpcStatus, statusCode } from "./status.ts";
import { answersProgress } from "./version.ts";

export interface ClusterOptions {
  readonly platform: Pick<Platform, "clock" | "random" | "network">;
  readonly endpoints: readonly EndpointAddress[];
  readonly tls?: ConnectOptions["tls"];
  readonly log: Log;
  /** Milliseconds that a call may take with all its tries. */
  readonly requestTimeoutMs?: number;
}

/** Whether a call may be made twice: a read may; a write only where the first surely did nothing. */
export type CallKind = "read" | "write";

interface WaitingCall {
  readonly take: (endpoint: Endpoint) => void;
}

/**
 * The members of one etcd cluster. Every call goes to the next member that has a connection; without any it waits, for as long as it may
 * take at all. A member of another cluster than the first one's is never asked.
 */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #endpoints: readonly Endpoint[];
  readonly #waiting = new Set<WaitingCall>();
  readonly #versions = new Map<string, string>();
  readonly #timeoutMs: number;
  #turn = 0;
  #clusterId: bigint | undefined;
  #closed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#timeoutMs = options.requestTimeoutMs ?? requestTimeoutMs;
    const http = createHttpClient({ clock: options.platform.clock });
    this.#endpoints = options.endpoints.map(
      (address) =>
        new Endpoint({
          address,
          platform: options.platform,
          tls: options.tls,
          http,
          admit: (status) => this.#admit(address, status),
          changed: () => this.#serveWaiting(),
          trouble: (endpoint, error) =>
            options.log.warn("an etcd endpoint cannot be used", {
              endpoint: endpoint.url,
              error: error.message,
            }),
        }),
    );
  }

  get platform(): ClusterOptions["platform"] {
    return this.#options.platform;
  }

  /** All members that were ever connected answer it rightly. */
  get answersProgress(): boolean {
    for (const version of this.#versions.values()) if (!answersProgress(version)) return false;
    return true;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Why nobody can be asked anything at the moment; undefined when somebody can. */
  problem(): string | undefined {
    if (this.#endpoints.some(({ problem }) => problem === undefined)) return undefined;
    return this.#endpoints.map(({ url, problem }) => `${url}: ${problem?.message}`).join("; ");
  }

  /**
   * One question, one answer.
   * @throws KvError, Error
   */
  async unary<Request, Response>(
    method: MethodInfo<Request, Response>,
    request: Draft<Request>,
    kind: CallKind,
    options: { leader?: boolean } = {},
  ): Promise<Response> {
    const { clock, random } = this.#options.platform;
    const deadline = clock.monotonic() + this.#timeoutMs;
    const { leader = true } = options;
    for (let retryMs = retryMsMin; ; retryMs = Math.min(retryMsMax, retryMs * 2)) {
      const left = deadline - clock.monotonic();
      const outcome = await this.#once(method, request, leader, left);
      if ("response" in outcome) return outcome.response;
      const { status } = outcome;
      const again = isTransient(status) && (kind === "read" || isUndone(status));
      const pauseMs = retryMs * (0.5 + random.number() / 2);
      if (!again || this.#closed || clock.monotonic() + pauseMs >= deadline) throw errorOf(status);
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
  }

  #once<Request, Response>(
    method: MethodInfo<Request, Response>,
    request: Draft<Request>,
    leader: boolean,
    timeoutMs: number,
  ): Promise<{ response: Response } | { status: RpcStatus }> {
    return new Promise((resolve) => {
      let response: Response | undefined;
      let call: Call<Request> | undefined;
      const timer = this.#options.platform.clock.after(Math.max(0, timeoutMs), () => {
        opening.cancel();
        resolve({ status: call === undefined ? this.#unreachable() : timedOut(this.#timeoutMs) });
      });
      const opening = this.stream(
        method,
        leader,
        {
          message: (one) => {
            response = one;
          },
          ended: (status) => {
            timer.cancel();
            if (status.code !== statusCode.ok) resolve({ status });
            else if (response !== undefined) resolve({ response });
            else resolve({ status: { code: statusCode.internal, message: "an answer without a message" } });
          },
        },
        (opened) => {
          call = opened;
          opened.sendLast(request);
        },
      );
    });
  }

  /** Begins a call as soon as there is a connection. `opened` is called before the observer is; `cancel` ends it at any time. */
  stream<Request, Response>(
    method: MethodInfo<Request, Response>,
    leader: boolean,
    observer: CallObserver<Response>,
    opened: (call: Call<Request>) => void,
  ): { cancel(): void } {
    let call: Call<Request> | undefined;
    const take = (endpoint: Endpoint): void => {
      const client = endpoint.usable;
      if (client === undefined) return;
      const fields = endpoint.fields(method.path, leader);
      call = openCall(client, method, fields, observer);
      opened(call);
    };
    const waiting: WaitingCall = { take };
    const endpoint = this.#waiting.size === 0 ? this.#next() : undefined;
    if (endpoint !== undefined) take(endpoint);
    else if (this.#closed) queueMicrotask(() => observer.ended(stopped));
    else if (this.#waiting.size >= waitingCallsMax) queueMicrotask(() => observer.ended(tooMany));
    else this.#waiting.add(waiting);
    return {
      cancel: () => {
        this.#waiting.delete(waiting);
        call?.cancel();
      },
    };
  }

  close(): void {
    this.#closed = true;
    for (const endpoint of this.#endpoints) endpoint.close();
    this.#waiting.clear();
  }

  /** The next member in turn that has room. */
  #next(): Endpoint | undefined {
    for (let i = 0; i < this.#endpoints.length; i++) {
      const endpoint = this.#endpoints[this.#turn++ % this.#endpoints.length];
      if (endpoint?.usable !== undefined) return endpoint;
    }
    return undefined;
  }

  #serveWaiting(): void {
    for (const waiting of this.#waiting) {
      const endpoint = this.#next();
      if (endpoint === undefined) return;
      this.#waiting.delete(waiting);
      waiting.take(endpoint);
    }
  }

  #admit(address: EndpointAddress, status: etcdserverpb.StatusResponse): Error | undefined {
    const clusterId = status.header?.clusterId ?? 0n;
    this.#clusterId ??= clusterId;
    if (clusterId !== this.#clusterId) {
      return new Error(
        `${address.url} belongs to cluster ${clusterId.toString(16)}, the others to ${this.#clusterId.toString(16)}: name the members of one cluster`,
      );
    }
    if (status.isLearner)
      return new Error(`${address.url} is a learner: it cannot be asked until it is promoted`);
    this.#versions.set(address.url, status.version);
    return undefined;
  }

  #unreachable(): RpcStatus {
    const message = `no etcd endpoint could be used within ${this.#timeoutMs} ms: ${this.problem() ?? "all are busy"}`;
    return { code: statusCode.unavailable, message, unsent: true };
  }
}

const stopped: RpcStatus = { code: statusCode.unavailable, message: "etcdserver: server stopped" };

const tooMany: RpcStatus = { code: statusCode.resourceExhausted, message: "etcdserver: too many requests" };

const timedOut = (milliseconds: number): RpcStatus => ({
  code: statusCode.deadlineExceeded,
  message: `etcd did not answer within ${milliseconds} ms`,
});
