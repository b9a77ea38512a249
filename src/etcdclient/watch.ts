import type { Revision } from "../base/index.ts";
import { KvError, type KvEvent, type KvWatch, type WatchObserver, type WatchQuery } from "../kv/index.ts";
import type { Timer } from "../platform/index.ts";
import { etcdserverpb } from "../wire/index.ts";
import type { Call } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { errorOf, errorOfReason, isTransient } from "./errors.ts";
import { progressMs, reconnectMsMax, reconnectMsMin } from "./limits.ts";
import { eventOf } from "./responses.ts";
import { type RpcStatus, statusCode } from "./status.ts";

type Response = etcdserverpb.WatchResponse;

const { NOPUT, NODELETE } = etcdserverpb.WatchCreateRequestFilterType.values;

/**
 * One watch on a stream of its own: an observer without room holds up its own stream, by HTTP/2's window, and nobody else's; and what etcd says of
 * a stream's progress is said of this watch.
 *
 * It outlives streams, connections and members: the next stream begins at the revision after the last one delivered. As revisions are
 * delivered whole, nothing is missed and nothing comes twice. It ends when that revision is compacted away, or when etcd says no.
 */
export class Watch implements KvWatch {
  createdRevision = 0 as Revision;
  readonly #cluster: Cluster;
  readonly #query: WatchQuery;
  readonly #observer: WatchObserver;
  readonly #onClosed: () => void;
  /** The next revision to see; 0 until the store has said what "now" is. */
  #next: Revision;
  #opening: { cancel(): void } | undefined;
  #call: Call<etcdserverpb.WatchRequest> | undefined;
  #created = false;
  /** The events of a revision that may not be complete. */
  #partial: KvEvent[] = [];
  /** What came while the observer had no room. */
  #held: Response[] = [];
  #refused: readonly KvEvent[] | undefined;
  #retry: Timer | undefined;
  #retryMs = reconnectMsMin;
  #asking: Timer | undefined;
  #closed = false;

  constructor(cluster: Cluster, query: WatchQuery, observer: WatchObserver, onClosed: () => void) {
    this.#cluster = cluster;
    this.#query = query;
    this.#observer = observer;
    this.#onClosed = onClosed;
    this.#next = query.startRevision ?? (0 as Revision);
    // Not within this call: the observer hears nothing before its owner has the watch.
    queueMicrotask(() => this.#open());
  }

  resume(): void {
    queueMicrotask(() => this.#deliverHeld());
  }

  requestProgress(): void {
    if (this.#closed || !this.#cluster.answersProgress || this.#asking !== undefined) return;
    const { clock } = this.#cluster.platform;
    this.#asking = clock.every(progressMs, () => this.#askProgress(), { background: true });
    this.#askProgress();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endStream();
    this.#retry?.cancel();
    this.#asking?.cancel();
    this.#held = [];
    this.#refused = undefined;
    this.#onClosed();
  }

  /** The store's end of it. */
  stop(reason: Error): void {
    if (this.#closed) return;
    this.close();
    this.#observer.onClosed(reason instanceof KvError ? reason : new KvError("STOPPED", reason.message));
  }

  #open(): void {
    if (this.#closed) return;
    this.#opening = this.#cluster.stream(
      etcdserverpb.WatchService.Watch,
      true,
      { message: (response) => this.#received(response), ended: (status) => this.#ended(status) },
      (call) => {
        this.#call = call;
        const { key, rangeEnd, prevKv, noPut, noDelete, progressNotify } = this.#query;
        const filters = [...(noPut ? [NOPUT as number] : []), ...(noDelete ? [NODELETE as number] : [])];
        call.send({
          createRequest: {
            key,
            rangeEnd,
            startRevision: this.#next,
            prevKv,
            progressNotify,
            filters,
            fragment: true,
          },
        });
      },
    );
  }

  #endStream(): void {
    this.#opening?.cancel();
    this.#opening = this.#call = undefined;
    this.#created = false;
    this.#partial = [];
  }

  /** The stream is gone, or the connection, or the member. */
  #ended(status: RpcStatus): void {
    this.#endStream();
    if (this.#closed) return;
    if (status.code !== statusCode.ok && !isTransient(status)) {
      this.stop(errorOf(status));
      return;
    }
    const { clock, random } = this.#cluster.platform;
    const pauseMs = this.#retryMs * (0.5 + random.number() / 2);
    this.#retryMs = Math.min(reconnectMsMax, this.#retryMs * 2);
    this.#retry = clock.after(pauseMs, () => this.#open(), { background: true });
  }

  #received(response: Response): void {
    if (this.#closed) return;
    if (this.#refused !== undefined) this.#held.push(response);
    else this.#take(response);
  }

  #take(response: Response): void {
    if (response.canceled) {
      this.#canceled(response);
      return;
    }
    const revision = (response.header?.revision ?? 0) as Revision;
    if (response.created) {
      this.#created = true;
      this.#retryMs = reconnectMsMin;
      if (this.createdRevision === 0) this.createdRevision = revision;
      if (this.#next === 0) this.#next = (revision + 1) as Revision;
      if (this.#asking !== undefined) this.#askProgress();
      return;
    }
    if (response.events.length === 0 && !response.fragment) {
      this.#progressed(revision);
      return;
    }
    for (const event of response.events) this.#partial.push(eventOf(event));
    this.#deliver(response.fragment);
  }

  /** Whole revisions at once. `fragment`: the last one may go on in the next response. */
  #deliver(fragment: boolean): void {
    const last = this.#partial.at(-1)?.kv.modRevision;
    if (last === undefined) return;
    const isWhole = ({ kv }: KvEvent): boolean => !fragment || kv.modRevision < last;
    const events = this.#partial.filter((event) => isWhole(event) && event.kv.modRevision >= this.#next);
    this.#partial = this.#partial.filter((event) => !isWhole(event));
    if (events.length > 0) this.#offer(events);
  }

  #offer(events: readonly KvEvent[]): void {
    const revision = events.at(-1)?.kv.modRevision as Revision;
    if (this.#observer.onEvents(events, revision)) {
      if (this.#closed) return;
      this.#refused = undefined;
      this.#next = (revision + 1) as Revision;
    } else {
      this.#refused = events;
      this.#call?.pause();
    }
  }

  #deliverHeld(): void {
    if (this.#closed || this.#refused === undefined) return;
    this.#offer(this.#refused);
    while (this.#refused === undefined && !this.#closed) {
      const response = this.#held.shift();
      if (response === undefined) {
        this.#call?.resume();
        return;
      }
      this.#take(response);
    }
  }

  #progressed(revision: Revision): void {
    if (revision < this.#next - 1) return;
    this.#asking?.cancel();
    this.#asking = undefined;
    this.#next = (revision + 1) as Revision;
    this.#observer.onProgress?.(revision);
  }

  #askProgress(): void {
    if (this.#created && this.#refused === undefined) this.#call?.send({ progressRequest: {} });
  }

  #canceled({ compactRevision, cancelReason }: Response): void {
    if (compactRevision > 0) {
      this.stop(
        new KvError("COMPACTED", "etcdserver: mvcc: required revision has been compacted", {
          compactRevision: compactRevision as Revision,
        }),
      );
      return;
    }
    const reason = errorOfReason(cancelReason);
    const passing = reason instanceof KvError && (reason.code === "NO_LEADER" || reason.code === "STOPPED");
    if (passing) this.#ended({ code: statusCode.unavailable, message: cancelReason });
    else this.stop(reason);
  }
}
