import { compareBytes, type Revision } from "../../base/index.ts";
import {
  type Header,
  type Kv,
  KvError,
  type KvEvent,
  type KvWatch,
  type WatchObserver,
  type WatchQuery,
} from "../../kv/index.ts";
import { type Draft, etcdserverpb } from "../../wire/index.ts";
import { code, rpcErrorOf } from "../errors.ts";
import { clusterHeader, headerOf } from "../header.ts";
import { watchesPerStreamMax } from "../limits.ts";
import { type Method, type Reply, type RequestObserver, stream } from "../method.ts";
import type { ClusterInfo } from "../ports.ts";
import { eventOf } from "./event.ts";
import { fragmentsOf } from "./fragments.ts";
import { SharedEvents } from "./shared-events.ts";

type Request = etcdserverpb.WatchRequest;
type Create = etcdserverpb.WatchCreateRequest;
type Response = etcdserverpb.WatchResponse;

/** etcd's clientv3.InvalidWatchID: a watch that was not made, and progress of a whole stream. */
const noWatchId = -1;

/**
 * Many watches share one stream. Each response names its watch; a watch's life is `created`, then events in order, then
 * perhaps `canceled`. Nothing is queued here: when the client does not keep up, the store is told that there is no room and
 * keeps the events itself, and the client's requests are not read meanwhile.
 */
export function watchMethod(kv: Kv, cluster: ClusterInfo, messageBytesMax: number): Method {
  const context = { kv, cluster, shared: new SharedEvents(), messageBytesMax };
  return stream(etcdserverpb.WatchService.Watch, (reply) => new WatchStream(context, reply));
}

/** What all streams share. */
interface WatchContext {
  readonly kv: Kv;
  readonly cluster: ClusterInfo;
  readonly shared: SharedEvents;
  /** Bytes of a response, where the client asked for fragments. */
  readonly messageBytesMax: number;
}

class WatchStream implements RequestObserver<Request> {
  readonly #context: WatchContext;
  readonly #cluster: ClusterInfo;
  readonly #reply: Reply<Response>;
  readonly #watches = new Map<number, OneWatch>();
  /** Ids of those that a compaction has ended: as with etcd they are taken until they are cancelled. */
  readonly #ended = new Set<number>();
  /** Those that had events when there was no room. */
  readonly #blocked = new Set<OneWatch>();
  #writable = true;
  #nextId = 0;
  /** A progress request under way: who has not said yet how far it is. */
  #progress: { readonly missing: Set<OneWatch>; revision: Revision; again: boolean } | undefined;

  constructor(context: WatchContext, reply: Reply<Response>) {
    this.#context = context;
    this.#cluster = context.cluster;
    this.#reply = reply;
  }

  request(message: Request): void {
    if (message.createRequest) this.#create(message.createRequest);
    else if (message.cancelRequest) this.#cancel(message.cancelRequest.watchId);
    else if (message.progressRequest) this.#requestProgress();
  }

  /** The watches go on: a client may say all it wants at once and then only listen. */
  requestsEnded(): void {}

  drain(): void {
    this.#writable = true;
    this.#reply.resume();
    for (const watch of [...this.#blocked]) {
      if (!this.#writable) return;
      this.#blocked.delete(watch);
      watch.resume();
    }
  }

  closed(): void {
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
    this.#blocked.clear();
    this.#progress = undefined;
  }

  /** False: no room, take nothing. */
  deliver(watch: OneWatch, events: readonly KvEvent[], revision: Revision): boolean {
    if (!this.#writable) {
      this.#blocked.add(watch);
      return false;
    }
    const head = { header: this.#header(revision), watchId: watch.id };
    const { shared, messageBytesMax } = this.#context;
    const tail = shared.encoded(events);
    if (tail !== undefined) {
      this.#send(head, tail);
      return true;
    }
    const response = { ...head, events: events.map(eventOf) };
    if (!watch.fragmented) this.#send(response);
    else for (const fragment of fragmentsOf(response, messageBytesMax)) this.#send(fragment);
    return true;
  }

  progressed(watch: OneWatch, revision: Revision): void {
    const round = this.#progress;
    if (round?.missing.has(watch)) {
      if (revision < round.revision) round.revision = revision;
      this.#reported(watch);
    } else if (watch.progressNotify && revision >= watch.startRevision) {
      this.#send({ header: this.#header(revision), watchId: watch.id });
    }
  }

  closedByStore(watch: OneWatch, reason: KvError): void {
    this.#forget(watch);
    switch (reason.code) {
      case "COMPACTED":
        this.#ended.add(watch.id);
        // As etcd: neither a reason nor a revision, but the revision to start again from.
        this.#send({
          header: clusterHeader(this.#cluster.header()),
          watchId: watch.id,
          canceled: true,
          compactRevision: reason.compactRevision ?? 0,
        });
        return;
      case "STOPPED":
      case "NO_LEADER":
        this.#reply.end(reason);
        return;
      default:
        this.#send({
          header: headerOf(this.#cluster.header()),
          watchId: watch.id,
          canceled: true,
          cancelReason: rpcErrorOf(reason.code).message,
        });
    }
  }

  #create(request: Create): void {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return this.#refuse(refusal);
    const watch = new OneWatch(this, this.#idFor(request), request);
    let createdRevision: Revision;
    try {
      createdRevision = watch.start(this.#context.kv, queryOf(request));
    } catch (thrown) {
      const reason = thrown instanceof KvError ? deniedReason(thrown) : undefined;
      if (reason === undefined) throw thrown;
      return this.#refuse(reason);
    }
    this.#watches.set(watch.id, watch);
    this.#send({ header: this.#header(createdRevision), watchId: watch.id, created: true });
  }

  #refuse(cancelReason: string): void {
    this.#send({
      header: headerOf(this.#cluster.header()),
      watchId: noWatchId,
      created: true,
      canceled: true,
      cancelReason,
    });
  }

  /** Why a watch cannot be made, in etcd's words. */
  #refusal(request: Create): string | undefined {
    if (request.startRevision < 0) return rpcErrorOf("COMPACTED").message;
    const { rangeEnd } = request;
    const open = rangeEnd.length === 0 || (rangeEnd.length === 1 && rangeEnd[0] === 0);
    if (!open && compareBytes(firstKey(request), rangeEnd) >= 0) return "mvcc: watcher range is empty";
    if (request.watchId !== 0 && this.#isTaken(request.watchId)) {
      return "mvcc: duplicate watch ID provided on the WatchStream";
    }
    const ids = this.#watches.size + this.#ended.size;
    return ids >= watchesPerStreamMax ? rpcErrorOf("TOO_MANY_REQUESTS").message : undefined;
  }

  #isTaken(id: number): boolean {
    return this.#watches.has(id) || this.#ended.has(id);
  }

  #idFor(request: Create): number {
    if (request.watchId !== 0) return request.watchId;
    while (this.#isTaken(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #cancel(id: number): void {
    const watch = this.#watches.get(id);
    if (watch === undefined && !this.#ended.delete(id)) return;
    watch?.close();
    this.#send({ header: headerOf(this.#cluster.header()), watchId: id, canceled: true });
    if (watch !== undefined) this.#forget(watch);
  }

  #forget(watch: OneWatch): void {
    this.#watches.delete(watch.id);
    this.#blocked.delete(watch);
    if (this.#progress?.missing.has(watch)) this.#reported(watch);
  }

  /** One answer for all watches of the stream, once nothing up to its revision is missing on any of them. */
  #requestProgress(): void {
    if (this.#watches.size === 0) return;
    const { revision } = this.#cluster.header();
    // As etcd: nothing is said while a watch of the stream begins at a revision to come.
    for (const { startRevision } of this.#watches.values()) if (startRevision > revision) return;
    if (this.#progress !== undefined) {
      // The round under way may end with a revision from before this request.
      this.#progress.again = true;
      return;
    }
    const watches = [...this.#watches.values()];
    this.#progress = {
      missing: new Set(watches),
      revision: Number.MAX_SAFE_INTEGER as Revision,
      again: false,
    };
    for (const watch of watches) watch.requestProgress();
  }

  #reported(watch: OneWatch): void {
    const round = this.#progress;
    if (round === undefined) return;
    round.missing.delete(watch);
    if (round.missing.size > 0) return;
    this.#progress = undefined;
    // Nobody is left to speak for when the last watch was cancelled.
    if (round.revision < Number.MAX_SAFE_INTEGER) {
      this.#send({ header: this.#header(round.revision), watchId: noWatchId });
    }
    if (round.again) this.#requestProgress();
  }

  #send(response: Draft<Response>, tail?: Uint8Array): void {
    if (this.#reply.send(response, tail)) return;
    this.#writable = false;
    this.#reply.pause();
  }

  #header(revision: Revision): Draft<etcdserverpb.ResponseHeader> {
    const here: Header = this.#cluster.header();
    return { clusterId: here.clusterId, memberId: here.memberId, revision, raftTerm: here.term };
  }
}

/** One watch, between the stream and the store. */
class OneWatch implements WatchObserver {
  readonly id: number;
  readonly fragmented: boolean;
  readonly progressNotify: boolean;
  /** As asked for; 0: now. */
  readonly startRevision: number;
  readonly #stream: WatchStream;
  #watch: KvWatch | undefined;

  constructor(owner: WatchStream, id: number, request: Create) {
    this.#stream = owner;
    this.id = id;
    this.fragmented = request.fragment;
    this.progressNotify = request.progressNotify;
    this.startRevision = request.startRevision;
  }

  /** Answers the revision the watch was made at; observers are called only afterwards. */
  start(kv: Kv, query: WatchQuery): Revision {
    this.#watch = kv.watch(query, this);
    return this.#watch.createdRevision;
  }

  resume(): void {
    this.#watch?.resume();
  }

  requestProgress(): void {
    this.#watch?.requestProgress();
  }

  close(): void {
    this.#watch?.close();
  }

  onEvents(events: readonly KvEvent[], revision: Revision): boolean {
    return this.#stream.deliver(this, events, revision);
  }

  onProgress(revision: Revision): void {
    this.#stream.progressed(this, revision);
  }

  onClosed(reason: KvError): void {
    this.#stream.closedByStore(this, reason);
  }
}

/** How grpc-go shows the codes of these failures. Clients compare the whole text. */
const codeNames: Readonly<Record<number, string>> = {
  [code.invalidArgument]: "InvalidArgument",
  [code.permissionDenied]: "PermissionDenied",
  [code.unauthenticated]: "Unauthenticated",
};

/** Undefined: not a matter of rights. */
function deniedReason(error: KvError): string | undefined {
  const { code: status, message } = rpcErrorOf(error.code);
  const name = codeNames[status];
  return name && `rpc error: code = ${name} desc = ${message}`;
}

const smallestKey = Uint8Array.of(0);

function firstKey(request: Create): Uint8Array {
  return request.key.length === 0 ? smallestKey : request.key;
}

function queryOf(request: Create): WatchQuery {
  const { values } = etcdserverpb.WatchCreateRequestFilterType;
  return {
    key: firstKey(request),
    ...(request.rangeEnd.length > 0 ? { rangeEnd: request.rangeEnd } : {}),
    ...(request.startRevision > 0 ? { startRevision: request.startRevision as Revision } : {}),
    prevKv: request.prevKv,
    noPut: request.filters.includes(values.NOPUT),
    noDelete: request.filters.includes(values.NODELETE),
    progressNotify: request.progressNotify,
  };
}
