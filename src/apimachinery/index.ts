/** What every kind has in common. */

export { type ConfigurationKind, configurationDocument } from "./configuration-document.ts";
export { CronError, type CronSchedule, isTimeZone, parseCron } from "./cron.ts";
/** Failures: `errors.notFound(…)` makes a Status, `field.invalid(…)` one cause of an Invalid. */
export * as errors from "./errors.ts";
export type { CauseType, FieldError } from "./field.ts";
export * as field from "./field.ts";
export * from "./field-selector.ts";
/** Encodings and the small types of the API. */
export * from "./intstr.ts";
/** Selection by labels and fields. */
export { type Cidr, cidrContains, formatIp, type IpAddress, parseCidr, parseIp } from "./ip.ts";
export * from "./json.ts";
export { applyJsonPatch } from "./json-patch.ts";
export { goTypeName, isJsonObject, jsonTypeName, printGoValue } from "./json-types.ts";
export * from "./label-selector.ts";
/** Changes: patches, and who owns which field. */
export {
  applyConfiguration,
  type FieldManagerRequest,
  type OtherVersion,
  trackUpdate,
} from "./managed-fields/index.ts";
export { managersInScale, managersOfScaled } from "./managed-fields/scale-managers.ts";
export { applyMergePatch } from "./merge-patch.ts";
/** metadata: names and their rules. */
export * from "./meta.ts";
export * from "./names.ts";
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
export * from "./quantity.ts";
export { type Requirement, SelectorError, type SelectorOperator } from "./requirement.ts";
export {
  type Status,
  type StatusCause,
  type StatusDetails,
  StatusError,
  type StatusReason,
} from "./status.ts";
export { applyStrategicMergePatch } from "./strategic-merge-patch.ts";
export type { SchemaField, SchemaNode } from "./structure.ts";
export * from "./time.ts";
export { unifiedDiff } from "./unified-diff.ts";
export type { UserInfo } from "./user.ts";
export type { WebhookClientConfig } from "./webhook-client-config.ts";
export * from "./yaml.ts";
