/** `etcdutl snapshot status|restore` and `etcdutl hashkv`: what is read from files in etcd's format. */
import { parseBool, type Revision } from "../../base/index.ts";
import { hashSnapshot, statusOfSnapshot } from "../../member/index.ts";
import type { Platform } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { restore } from "../store/restore.ts";
import { statusBadArguments, UtlError, type UtlFlags } from "./command.ts";
import { checkFormat, humanBytes, type Row, rowOf } from "./printer.ts";

/** @throws UtlError, Error */
export async function snapshotStatus(
  { disk }: Platform,
  files: readonly string[],
  format: string,
): Promise<Row> {
  const path = onlyOne(files, "snapshot status requires exactly one argument");
  await checkExists(disk, path);
  checkFormat(format);
  const { hash, revision, keys, bytes, version } = await statusOfSnapshot(disk, path);
  return rowOf(
    { head: "hash", field: "Hash", json: "hash", value: hash, text: hash.toString(16) },
    { head: "revision", field: "Revision", json: "revision", value: revision },
    { head: "total keys", field: "Keys", json: "totalKey", value: keys },
    { head: "total size", field: "Size", json: "totalSize", value: bytes, text: humanBytes(bytes) },
    { head: "version", field: "Version", json: "version", value: version },
  );
}

export async function hashKv(
  { disk }: Platform,
  [path = ""]: readonly string[],
  flags: UtlFlags,
): Promise<Row> {
  checkFormat(flags("write-out"));
  await checkExists(disk, path);
  const { hash, hashRevision, compactRevision } = await hashSnapshot(
    disk,
    path,
    Number(flags("rev")) as Revision,
  );
  return rowOf(
    { head: "hash", field: "Hash", json: "hash", value: hash },
    { head: "hash revision", field: "Hash revision", json: "hashRevision", value: hashRevision },
    // etcd's word for "never compacted".
    {
      head: "compact revision",
      field: "Compact revision",
      json: "compactRevision",
      value: compactRevision || -1,
    },
  );
}

export async function snapshotRestore(
  platform: Platform,
  log: Log,
  files: readonly string[],
  flags: UtlFlags,
): Promise<void> {
  const snapshot = onlyOne(files, "snapshot restore requires exactly one argument");
  const bumpRevision = Number(flags("bump-revision"));
  // Beyond this revisions could not be told apart.
  if (!Number.isSafeInteger(bumpRevision))
    throw new UtlError(`--bump-revision: ${bumpRevision} is more than 2^53`, statusBadArguments);
  if (bumpRevision > 0 !== parseBool(flags("mark-compacted")))
    throw new UtlError("--mark-compacted required if --revision-bump > 0", statusBadArguments);
  const dataDir = flags("data-dir") || `${flags("name")}.etcd`;
  const walDir = flags("wal-dir") || undefined;
  const options = {
    snapshot,
    dataDir,
    walDir,
    name: flags("name"),
    initialCluster: flags("initial-cluster"),
    initialClusterToken: flags("initial-cluster-token"),
    initialAdvertisePeerUrls: flags("initial-advertise-peer-urls"),
    skipHashCheck: parseBool(flags("skip-hash-check")) === true,
    bumpRevision,
  };
  const places = {
    path: snapshot,
    "wal-dir": walDir ?? `${dataDir}/wal`,
    "data-dir": dataDir,
    "snap-dir": `${dataDir}/snapshots`,
  };
  await restore(platform, log, options, () => log.info("restoring snapshot", places));
  log.info("restored snapshot", places);
}

function onlyOne(files: readonly string[], otherwise: string): string {
  const [path, ...more] = files;
  if (path === undefined || more.length > 0) throw new UtlError(otherwise, statusBadArguments);
  return path;
}

/** @throws Error in the words of Go's os.Stat */
export async function checkExists(disk: Platform["disk"], path: string): Promise<void> {
  if (!(await disk.exists(path))) throw new Error(`stat ${path}: no such file or directory`);
}
