import type { ReplicaConfig } from "../../member/index.ts";
import { settingsOf } from "./settings.ts";

/** Of a member that is not to run. */
export function offlineConfig(directory: string, walDirectory: string | undefined): ReplicaConfig {
  const settings = settingsOf(new Map());
  return {
    name: "default",
    directory,
    ...(walDirectory === undefined ? {} : { walDirectory }),
    initialMembers: [],
    clusterToken: "",
    listenPeer: { host: "127.0.0.1", port: 0 },
    tls: undefined,
    heartbeatMs: settings.number("heartbeat-interval"),
    electionMs: settings.number("election-timeout"),
    snapshotCount: 0,
  };
}
