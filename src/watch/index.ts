/** Watchers of key ranges: synced, catching up, slow. */
export { createWatchHub } from "./hub.ts";
export type { Changes, ChangeSource, WatchHub, WatchHubCounts, WatchHubOptions } from "./types.ts";
