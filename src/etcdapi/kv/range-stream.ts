import type { KeyValue, Kv, RangeQuery, RangeResult } from "../../kv/index.ts";
import { type Draft, etcdserverpb } from "../../wire/index.ts";
import { code, RpcError } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, type Reply, type RequestObserver, stream } from "../method.ts";
import { rangeOp } from "./range.ts";

type Request = etcdserverpb.RangeRequest;
type Response = etcdserverpb.RangeStreamResponse;

/** Keys read in the first message, and bytes that the others aim at. */
const firstKeys = 10;
const messageBytes = 1_048_576;
/** Keys of one message at most. */
const keysMax = 10_000;

/**
 * A range in pieces, for ranges that are too large for one message: keys in order, all as of one revision. The header, the count and
 * whether there is more stand in the last piece.
 */
export function rangeStreamMethod(kv: Kv): Method {
  return stream(etcdserverpb.KVService.RangeStream, (reply) => new RangeStream(kv, reply));
}

class RangeStream implements RequestObserver<Request> {
  readonly #kv: Kv;
  readonly #reply: Reply<Response>;
  #asked = false;
  #closed = false;
  #room: (() => void) | undefined;

  constructor(kv: Kv, reply: Reply<Response>) {
    this.#kv = kv;
    this.#reply = reply;
  }

  request(request: Request): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#run(request).then(
      () => this.#reply.end(),
      (thrown: unknown) => this.#reply.end(thrown),
    );
  }

  requestsEnded(): void {}

  drain(): void {
    this.#room?.();
  }

  closed(): void {
    this.#closed = true;
    this.#room?.();
  }

  async #run(request: Request): Promise<void> {
    checkStreamable(request);
    const query: RangeQuery = { ...rangeOp(request), serializable: request.serializable };
    const limit = query.limit ?? Number.POSITIVE_INFINITY;
    let sent = 0;
    let keys = Math.min(firstKeys, limit);
    let next: RangeQuery = query.countOnly ? query : { ...query, limit: keys };
    let first: RangeResult | undefined;
    while (!this.#closed) {
      const piece = await this.#kv.range(next);
      first ??= piece;
      sent += piece.kvs.length;
      if (!piece.more || sent >= limit || query.countOnly) {
        // `count` is of all that is in the rest of the range, whatever the limit.
        const count = sent - piece.kvs.length + piece.count;
        await this.#send({ header: headerOf(first.header), kvs: piece.kvs, more: piece.more, count });
        return;
      }
      await this.#send({ kvs: piece.kvs });
      keys = Math.min(keysFor(piece.kvs), limit - sent);
      const revision = query.revision ?? first.header.revision;
      next = { ...query, key: after(piece.kvs), limit: keys, revision, serializable: true };
    }
  }

  async #send(rangeResponse: Draft<etcdserverpb.RangeResponse>): Promise<void> {
    if (this.#reply.send({ rangeResponse }) || this.#closed) return;
    await new Promise<void>((resolve) => {
      this.#room = resolve;
    });
    this.#room = undefined;
  }
}

/** @throws RpcError for what a range in pieces cannot do */
function checkStreamable(request: Request): void {
  const { sortOrder, sortTarget } = request;
  if (sortTarget !== 0 || sortOrder > 1)
    throw new RpcError(code.unimplemented, "RangeStream does not support custom sort orders");
  const filters = [
    request.minModRevision,
    request.maxModRevision,
    request.minCreateRevision,
    request.maxCreateRevision,
  ];
  if (filters.some((filter) => filter !== 0))
    throw new RpcError(code.unimplemented, "RangeStream does not support revision filters");
}

/** So many keys as the last ones make a message of the size aimed at. */
function keysFor(kvs: readonly KeyValue[]): number {
  const bytes = kvs.reduce((sum, { key, value }) => sum + key.length + value.length + 32, 0);
  return Math.max(1, Math.min(keysMax, Math.floor((kvs.length * messageBytes) / bytes)));
}

/** The smallest key behind the last one. */
function after(kvs: readonly KeyValue[]): Uint8Array {
  const { key } = kvs.at(-1) as KeyValue;
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
