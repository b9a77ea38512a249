/** The record of who did what: which requests are told of, how much of them, and where that goes. Loaded only where somebody asks for it. */
export { createAuditor } from "./auditor.ts";
export { LogFile, type LogFileOptions } from "./log-file.ts";
export { type Policy, parsePolicy } from "./policy.ts";
export type {
  AuditEvent,
  AuditedRequest,
  Auditor,
  AuditSink,
  AuditTrail,
  Outcome,
  SentMetadata,
} from "./types.ts";
export { type WebhookOptions, WebhookSink } from "./webhook.ts";
