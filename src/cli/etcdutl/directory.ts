/** `etcdutl defrag|migrate`: about the data directory of a member that does not run. */
import { join } from "node:path";
import { inspectDirectory } from "../../member/index.ts";
import type { Platform } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { offlineConfig } from "../store/offline-config.ts";
import { statusBadArguments, UtlError, type UtlFlags } from "./command.ts";
import { checkExists } from "./snapshot.ts";

/** Nothing in a directory of this store is spare: images have what is kept and no more, and the log is let go of behind them. So it is looked through, and left as it is. */
export async function defragment(platform: Platform, log: Log, flags: UtlFlags): Promise<void> {
  const directory = flags("data-dir");
  try {
    await checkOurs(platform, directory);
    const found = await inspectDirectory(platform, offlineConfig(directory, undefined));
    try {
      log.info("defragmenting", { path: directory });
      const newest = found.images.at(-1);
      if (newest !== undefined) (await found.image(newest)).state.close();
      await found.log();
      log.info("finished defragmenting directory: there is nothing in it that is not needed", {
        path: directory,
      });
    } finally {
      await found.close();
    }
  } catch (error) {
    throw new Error(`Failed to defragment etcd data[${directory}] (${(error as Error).message})`, {
      cause: error,
    });
  }
}

const storageVersion = "3.6";

/** There is one version of this store's data for now: what etcd calls 3.6. @throws UtlError, Error */
export async function migrate(platform: Platform, log: Log, flags: UtlFlags): Promise<void> {
  const target = flags("target-version");
  const [, major = "", minor = ""] = /^([^.]*)\.([^.]*)$/.exec(target) ?? [];
  const refused = (why: string) => new UtlError(why, statusBadArguments);
  if (!/^[^.]*\.[^.]*$/.test(target))
    throw refused(`wrong target version format, expected "X.Y", got ${JSON.stringify(target)}`);
  for (const part of [major, minor])
    if (!/^\d{1,15}$/.test(part))
      throw refused(
        `failed to parse target version: strconv.ParseInt: parsing ${JSON.stringify(part)}: invalid syntax`,
      );
  const version = `${Number(major)}.${Number(minor)}`;
  if (Number(major) < 3 || (Number(major) === 3 && Number(minor) < 5))
    throw refused(`target version "${version}" not supported. Minimal "3.5"`);
  const directory = flags("data-dir");
  await checkOurs(platform, directory);
  if (version === storageVersion) {
    log.info("storage version up-to-date", { "storage-version": storageVersion });
    return;
  }
  if (major !== "3")
    throw new Error("cannot create migration plan: changing major storage version is not supported");
  if (Number(minor) > 6)
    throw new Error(`cannot create migration plan: version "${version}.0" is not supported`);
  throw new Error(
    `cannot create migration plan: no earlier release reads ${directory}: save a snapshot (etcdctl snapshot save), and restore that with the etcdutl of the release that is to run`,
  );
}

/** @throws Error with the way out where it is etcd's own */
async function checkOurs({ disk }: Platform, directory: string): Promise<void> {
  if (await disk.exists(join(directory, "member.json"))) return;
  const database = join(directory, "member", "snap", "db");
  await checkExists(disk, database);
  throw new Error(
    `${directory} is etcd's own: use the etcdutl of etcd, or start bin/etcd on it, which takes it over`,
  );
}
