/** A data directory made of a snapshot: what `raftsman store restore` and `etcdutl snapshot restore` do. */
import { restoreSnapshot } from "../../member/index.ts";
import type { Platform } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { initialMembers } from "./config.ts";
import { offlineConfig } from "./offline-config.ts";
import { settingsOf } from "./settings.ts";
import { parseUrls } from "./urls.ts";

export interface RestoreOptions {
  readonly snapshot: string;
  readonly dataDir: string;
  readonly walDir?: string | undefined;
  readonly name: string;
  readonly initialCluster: string;
  readonly initialClusterToken: string;
  readonly initialAdvertisePeerUrls: string;
  readonly skipHashCheck: boolean;
  readonly bumpRevision: number;
}

/** `onChecked`: before the first byte is written. @throws Error that says what is wrong */
export async function restore(
  platform: Platform,
  log: Log,
  options: RestoreOptions,
  onChecked: () => void = () => {},
): ReturnType<typeof restoreSnapshot> {
  const { disk } = platform;
  const { snapshot, dataDir, walDir, name, initialCluster, skipHashCheck, bumpRevision } = options;
  // Without the flag a member that is started is alone; here it says that there is none.
  if (initialCluster === "")
    throw new Error(`couldn't find local name "${name}" in the initial cluster configuration`);
  const urls = parseUrls("initial-advertise-peer-urls", options.initialAdvertisePeerUrls);
  const settings = settingsOf(
    new Map([
      ["name", name],
      ["initial-cluster", initialCluster],
    ]),
  );
  const config = {
    ...offlineConfig(dataDir, walDir),
    name,
    initialMembers: initialMembers(
      settings,
      urls.map(({ text }) => text),
    ),
    clusterToken: options.initialClusterToken,
  };
  if ((await disk.exists(dataDir)) && (await disk.list(dataDir)).length > 0)
    throw new Error(`data-dir "${dataDir}" not empty or could not be read`);
  if (walDir !== undefined && (await disk.exists(walDir))) throw new Error(`wal-dir "${walDir}" exists`);
  onChecked();
  return restoreSnapshot({
    platform,
    log,
    path: snapshot,
    config,
    skipHashCheck,
    skipRevisions: bumpRevision,
  });
}
