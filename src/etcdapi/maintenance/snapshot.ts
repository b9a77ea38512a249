import { createHash } from "node:crypto";
import { BboltFile } from "../../bbolt/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { apiVersion } from "../api-version.ts";
import { type Method, type Reply, type RequestObserver, stream } from "../method.ts";
import type { ClusterInfo, StoreSnapshot } from "../ports.ts";
import { bucketsOf } from "./snapshot-buckets.ts";

type Response = etcdserverpb.SnapshotResponse;

/** Bytes of the file in one message (etcd: 32 KiB). */
const blobBytes = 32 * 1024;

/**
 * The whole store as of now: the file that etcd would keep it in, and its SHA-256 behind it. It is made while it is sent, at the pace of
 * whoever takes it; writes go on meanwhile.
 */
export function snapshotMethod(open: NonNullable<ClusterInfo["snapshot"]>): Method {
  return stream(etcdserverpb.MaintenanceService.Snapshot, (reply) => new SnapshotStream(open, reply));
}

class SnapshotStream implements RequestObserver<etcdserverpb.SnapshotRequest> {
  readonly #open: NonNullable<ClusterInfo["snapshot"]>;
  readonly #reply: Reply<Response>;
  #asked = false;
  #closed = false;
  #room: (() => void) | undefined;

  constructor(open: NonNullable<ClusterInfo["snapshot"]>, reply: Reply<Response>) {
    this.#open = open;
    this.#reply = reply;
  }

  request(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#run().then(
      () => this.#reply.end(),
      (thrown: unknown) => this.#reply.end(thrown),
    );
  }

  requestsEnded(): void {
    // The gateway takes an empty body for a request without fields.
    this.request();
  }

  drain(): void {
    this.#room?.();
  }

  closed(): void {
    this.#closed = true;
    this.#room?.();
  }

  async #run(): Promise<void> {
    const snapshot = await this.#open();
    try {
      await this.#send(snapshot);
    } finally {
      snapshot.close();
    }
  }

  async #send(snapshot: StoreSnapshot): Promise<void> {
    const file = await BboltFile.layOut(bucketsOf(snapshot), snapshot.turn);
    const hash = createHash("sha256");
    let remaining = file.bytes;
    const send = async (blob: Uint8Array): Promise<void> => {
      // As etcd does it: no header, and the hash behind the file does not count.
      remaining = Math.max(0, remaining - blob.length);
      const response = { remainingBytes: remaining, blob, version: apiVersion.storage };
      if (this.#reply.send(response) || this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
      this.#room = undefined;
    };
    let held: Uint8Array[] = [];
    let heldBytes = 0;
    for await (const piece of file.pieces()) {
      if (this.#closed) return;
      hash.update(piece);
      held.push(piece);
      heldBytes += piece.length;
      if (heldBytes < blobBytes) continue;
      const joined = Buffer.concat(held);
      held = [];
      heldBytes = 0;
      for (let at = 0; at < joined.length && !this.#closed; at += blobBytes) {
        await send(joined.subarray(at, at + blobBytes));
        await snapshot.turn();
      }
    }
    if (heldBytes > 0) await send(Buffer.concat(held));
    await send(hash.digest());
  }
}
