/** Objects over kv. */
export {
  type ListOptions,
  type SelectionPredicate,
  type Storage,
  StorageError,
  type StorageErrorCode,
  type StorageEvent,
  type Stored,
  type StoredList,
  type StorageWatch,
  type WatchOptions,
  type WatchSink,
} from "./ports.ts";
