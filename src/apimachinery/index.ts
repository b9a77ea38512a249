/** What every kind has in common. */
export type {
  GroupResource,
  GroupVersion,
  GroupVersionKind,
  GroupVersionResource,
  Json,
  JsonObject,
  KubeList,
  KubeObject,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
  WatchEvent,
} from "./object.ts";
export { type Status, type StatusCause, type StatusDetails, StatusError, type StatusReason } from "./status.ts";
