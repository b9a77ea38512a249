import { createHash } from "node:crypto";
import { BboltFile } from "../../bbolt/index.ts";
import { etcdserverpb } from "../../wire/index.ts";
import { apiVersion } from "../api-version.ts";
import { headerOf } from "../header.ts";
import { type Method, type Reply, type RequestObserver, stream } from "../method.ts";
import type { ClusterInfo, StoreSnapshot } from "../ports.ts";
import { bucketsOf } from "./snapshot-buckets.ts";

type Response = etcdserverpb.SnapshotResponse;

/** Bytes of the file in one message (etcd: 32 KiB). */
const blobBytes = 32 * 1024;
const hashBytes = 32;

/**
 * The whole store as of now: the file that etcd would keep it in, and its SHA-256 behind it. It is made while it is sent, at the pace of
 * whoever takes it; writes go on meanwhile.
 */
export function snapshotMethod(cluster: ClusterInfo, open: NonNullable<ClusterInfo["snapshot"]>): Method {
  return stream(
    etcdserverpb.MaintenanceService.Snapshot,
    (reply) => new SnapshotStream(cluster, open, reply),
  );
}

class SnapshotStream implements RequestObserver<etcdserverpb.SnapshotRequest> {
  readonly #cluster: ClusterInfo;
  readonly #open: NonNullable<ClusterInfo["snapshot"]>;
  readonly #reply: Reply<Response>;
  #asked = false;
  #closed = false;
  #room: (() => void) | undefined;

  constructor(cluster: ClusterInfo, open: NonNullable<ClusterInfo["snapshot"]>, reply: Reply<Response>) {
    this.#cluster = cluster;
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
    let remaining = file.bytes + hashBytes;
    const send = async (blob: Uint8Array): Promise<void> => {
      remaining -= blob.length;
      const header = headerOf(this.#cluster.header());
      const response = { header, remainingBytes: remaining, blob, version: apiVersion.storage };
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
