import { fromUtf8 } from "../base/index.ts";
import {
  type KeyValue,
  type Kv,
  KvError,
  type KvEvent,
  type Op,
  type OpResult,
  type RangeResult,
  type Txn,
  type TxnResult,
} from "../kv/index.ts";
import { StorageError } from "../storage/index.ts";
import type { TransformerList } from "./transformers.ts";

/** The port of the store for one resource: what is written is encrypted on its way, what is read is as it was. Values are not compared. */
export class EncryptedKv implements Kv {
  readonly #kv: Kv;
  readonly #transformers: TransformerList;
  readonly #stale = new WeakSet<KeyValue>();

  constructor(kv: Kv, transformers: TransformerList) {
    this.#kv = kv;
    this.#transformers = transformers;
  }

  get leases(): Kv["leases"] {
    return this.#kv.leases;
  }

  get answersProgress(): boolean {
    return this.#kv.answersProgress !== false;
  }

  isStale(kv: KeyValue): boolean {
    return this.#stale.has(kv);
  }

  async range(query: Parameters<Kv["range"]>[0]): Promise<RangeResult> {
    const answer = await this.#kv.range(query);
    return query.keysOnly === true ? answer : { ...answer, kvs: answer.kvs.map((kv) => this.#read(kv)) };
  }

  async txn(txn: Txn): Promise<TxnResult> {
    const answer = await this.#kv.txn(this.#written(txn));
    return { ...answer, results: answer.results.map((result) => this.#result(result)) };
  }

  compact(...request: Parameters<Kv["compact"]>): ReturnType<Kv["compact"]> {
    return this.#kv.compact(...request);
  }

  watch(query: Parameters<Kv["watch"]>[0], observer: Parameters<Kv["watch"]>[1]): ReturnType<Kv["watch"]> {
    const watch = this.#kv.watch(query, {
      onEvents: (events, revision) => {
        let read: KvEvent[];
        try {
          read = events.map((event) => this.#event(event));
        } catch (error) {
          watch.close();
          observer.onClosed(new KvError("CORRUPT", (error as Error).message));
          return true;
        }
        return observer.onEvents(read, revision);
      },
      ...(observer.onProgress && { onProgress: (revision) => observer.onProgress?.(revision) }),
      onClosed: (reason) => observer.onClosed(reason),
    });
    return watch;
  }

  #written(txn: Txn): Txn {
    const ops = (of: readonly Op[]): Op[] => of.map((op) => this.#op(op));
    return { ...txn, success: ops(txn.success), failure: ops(txn.failure) };
  }

  #op(op: Op): Op {
    switch (op.type) {
      case "put":
        return op.ignoreValue === true ? op : { ...op, value: this.#transformers.encrypt(op.value, op.key) };
      case "txn":
        return { ...this.#written(op), type: "txn" };
      default:
        return op;
    }
  }

  #result(result: OpResult): OpResult {
    switch (result.type) {
      case "put":
        return result.prevKv === undefined ? result : { ...result, prevKv: this.#read(result.prevKv) };
      case "delete":
        return { ...result, prevKvs: result.prevKvs.map((kv) => this.#read(kv)) };
      case "range":
        return { ...result, kvs: result.kvs.map((kv) => this.#read(kv)) };
      case "txn":
        return { ...result, results: result.results.map((each) => this.#result(each)) };
    }
  }

  #event(event: KvEvent): KvEvent {
    const { kv, prevKv } = event;
    return {
      type: event.type,
      kv: event.type === "delete" ? kv : this.#read(kv),
      ...(prevKv === undefined ? {} : { prevKv: this.#read(prevKv) }),
    };
  }

  #read(kv: KeyValue): KeyValue {
    try {
      const { value, isStale } = this.#transformers.decrypt(kv.value, kv.key);
      const read = { ...kv, value };
      if (isStale) this.#stale.add(read);
      return read;
    } catch (error) {
      throw new StorageError("CORRUPT_OBJECT", fromUtf8(kv.key), (error as Error).message);
    }
  }
}
