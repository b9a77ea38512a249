/** What stands between an authorized write and the store: plugins that change it or refuse it. */
export { type Admission, createAdmission } from "./chain.ts";
export { parsePodSecurity } from "./pod-security/configuration.ts";
export type {
  AdmissionReader,
  AdmissionRequest,
  AdmissionWriter,
  ConfigurationViews,
  KindLookup,
  ObjectView,
  Operation,
  WebhookAddress,
  WebhookClient,
} from "./ports.ts";
export { type AdmissionSelection, standardAdmission } from "./selection.ts";
export { webhookAddress } from "./webhooks/address.ts";
