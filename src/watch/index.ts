/** Watchers of key ranges: synced, catching up, slow. */
export { createWatchHub } from "./hub.ts";
export type { ChangeSource, Changes, WatchHub, WatchHubCounts, WatchHubOptions } from "./types.ts";
