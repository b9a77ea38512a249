/** Who is asking, what they may do, and the certificates that say so. */

export type { AccessRequest, Authorizer, Decision } from "./access.ts";
export {
  type Authenticator,
  anonymous,
  createAuthenticator,
  type StaticToken,
} from "./authenticator.ts";
export { createAuthorizer } from "./authorizer.ts";
export { type CertificatePair, createAuthority, issueCertificate, type LeafRequest } from "./certificates.ts";
export { uncovered } from "./rbac/coverage.ts";
export { createGrantCheck, type GrantCheck } from "./rbac/escalation.ts";
export { RbacPolicy } from "./rbac/policy.ts";
export type { PolicyRule, RbacKind, Role, RoleBinding, RoleRef, Subject } from "./rbac/types.ts";
export {
  parseServiceAccountUserName,
  serviceAccountGroups,
  serviceAccountUserName,
} from "./service-account/names.ts";
