/** Objects over kv. */
export {
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
