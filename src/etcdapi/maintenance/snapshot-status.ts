/** What a file of etcd's buckets holds, as `etcdutl snapshot status` tells it. */
import { crc32c } from "../../base/index.ts";
import { BboltReader, type PageSource } from "../../bbolt/index.ts";
import { decode, mvccpb } from "../../wire/index.ts";
import { readRevision } from "./revision-key.ts";

export interface SnapshotStatus {
  /** CRC-32C over the names of all buckets, their keys and values. */
  readonly hash: number;
  readonly revision: number;
  /** That exist. */
  readonly keys: number;
  readonly bytes: number;
  /** Of the storage; empty: older than 3.6. */
  readonly version: string;
}

/** Reads all of it. @throws BboltDamagedError */
export async function snapshotStatus(source: PageSource): Promise<SnapshotStatus> {
  const file = await BboltReader.open(source);
  await file.check();
  const existing = new Set<string>();
  let hash = 0;
  let revision = 0;
  let version = "";
  const add = (bytes: Uint8Array) => {
    hash = crc32c(bytes, 0, bytes.length, hash);
  };
  for (const bucket of file.bucketNames) {
    add(Buffer.from(bucket, "latin1"));
    for await (const { key, value } of file.entries(bucket)) {
      add(key);
      add(value);
      if (bucket === "meta" && key.equals(storageVersion)) version = value.toString();
      if (bucket !== "key") continue;
      const { main, deleted } = readRevision(key);
      revision = main;
      const name = Buffer.from(decode(mvccpb.KeyValue, value).key).toString("latin1");
      if (deleted) existing.delete(name);
      else existing.add(name);
    }
  }
  return { hash, revision, keys: existing.size, bytes: file.bytes, version };
}

const storageVersion = Buffer.from("storageVersion");
