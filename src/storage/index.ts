/** Objects over kv: plainly, or behind the watch cache. */
export { type CacherOptions, createCacher } from "./cacher/cacher.ts";
export type { ComparisonStatus } from "./cacher/comparison.ts";
export { createKvStorage, type KvStorageOptions } from "./kv-storage.ts";
export {
  type Attributes,
  type ListOptions,
  type SelectionPredicate,
  type Storage,
  StorageError,
  type StorageErrorCode,
  type StorageEvent,
  type StorageWatch,
  type Stored,
  type StoredList,
  type WatchOptions,
  type WatchSink,
} from "./ports.ts";
export { Written } from "./written.ts";
