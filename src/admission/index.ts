/** What stands between an authorized write and the store: plugins that change it or refuse it. */
export { type Admission, type AdmissionDeps, admissionChain, createAdmission } from "./chain.ts";
export type { AdmissionPlugin, AdmissionReader, AdmissionRequest, Operation } from "./ports.ts";
