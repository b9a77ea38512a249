import type { LeaseId } from "../base/index.ts";
import { etcdserverpb } from "../wire/index.ts";
import type { Call } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { errorOf, isTransient } from "./errors.ts";
import { requestTimeoutMs, retryMsMin, waitingCallsMax } from "./limits.ts";
import { type RpcStatus, statusCode } from "./status.ts";

type Answer = etcdserverpb.LeaseKeepAliveResponse;

interface Asked {
  readonly id: LeaseId;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly until: number;
}

/**
 * All leases are kept alive over one stream, which etcd answers in the order of the questions. It is there while anybody waits for an
 * answer; when it breaks, the questions without one are asked again on the next: a lease may be renewed twice.
 */
export class KeepAlive {
  readonly #cluster: Cluster;
  #asked: Asked[] = [];
  #opening: { cancel(): void } | undefined;
  #call: Call<etcdserverpb.LeaseKeepAliveRequest> | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  ask(id: LeaseId): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { clock } = this.#cluster.platform;
      if (this.#asked.length >= waitingCallsMax) {
        reject(errorOf({ code: statusCode.resourceExhausted, message: "etcdserver: too many requests" }));
        return;
      }
      const timer = clock.after(requestTimeoutMs, () => this.#expire());
      const settled = () => timer.cancel();
      this.#asked.push({
        id,
        until: clock.monotonic() + requestTimeoutMs,
        resolve: (answer) => {
          settled();
          resolve(answer);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      if (this.#call !== undefined) this.#call.send({ ID: id });
      else this.#opening ??= this.#open();
    });
  }

  close(): void {
    this.#opening?.cancel();
    this.#fail({ code: statusCode.unavailable, message: "etcdserver: server stopped" });
  }

  #open(): { cancel(): void } {
    return this.#cluster.stream(
      etcdserverpb.LeaseService.LeaseKeepAlive,
      true,
      { message: (answer) => this.#answered(answer), ended: (status) => this.#ended(status) },
      (call) => {
        this.#call = call;
        for (const { id } of this.#asked) call.send({ ID: id });
      },
    );
  }

  #answered(answer: Answer): void {
    const at = this.#asked.findIndex(({ id }) => id === answer.ID);
    if (at >= 0) this.#asked.splice(at, 1)[0]?.resolve(answer);
    if (this.#asked.length > 0) return;
    this.#opening?.cancel();
    this.#opening = this.#call = undefined;
  }

  #ended(status: RpcStatus): void {
    this.#opening = this.#call = undefined;
    if (status.code !== statusCode.ok && !isTransient(status)) {
      this.#fail(status);
      return;
    }
    if (this.#asked.length === 0) return;
    this.#cluster.platform.clock.after(retryMsMin, () => {
      if (this.#asked.length > 0) this.#opening ??= this.#open();
    });
  }

  /** Those whose time is over; an answer that comes nevertheless finds nobody. */
  #expire(): void {
    const now = this.#cluster.platform.clock.monotonic();
    const over = this.#asked.filter(({ until }) => until <= now);
    this.#asked = this.#asked.filter(({ until }) => until > now);
    const message = `etcd did not answer within ${requestTimeoutMs} ms`;
    for (const one of over) one.reject(errorOf({ code: statusCode.deadlineExceeded, message }));
  }

  #fail(status: RpcStatus): void {
    for (const one of this.#asked.splice(0)) one.reject(errorOf(status));
  }
}
