/** Who is asking, what they may do, and the certificates and tokens that say so. */

export { AbacPolicies } from "./abac.ts";
export type { AccessRequest, Authorizer, Decision } from "./access.ts";
export { type Authenticator, anonymous, createAuthenticator } from "./authenticator.ts";
export { type AuthorizationMode, authorizationModes, createAuthorizer } from "./authorizer.ts";
export {
  type CertificateRequest,
  CertificateRequestError,
  parseCertificateRequest,
} from "./certificate-request.ts";
export {
  type CertificatePair,
  createAuthority,
  ecPrivateKeyPem,
  issueCertificate,
  type LeafRequest,
} from "./certificates.ts";
export { kubeletClientProblem, kubeletServingProblem, signerNames } from "./kubelet-certificates.ts";
export { createNodeAuthorizer } from "./node/authorizer.ts";
export { nodeOf } from "./node/identity.ts";
export { claimOf, isMirrorPod, podReferences } from "./node/pod-references.ts";
export { uncovered } from "./rbac/coverage.ts";
export { createGrantCheck, type GrantCheck } from "./rbac/escalation.ts";
export { RbacPolicy } from "./rbac/policy.ts";
export type { PolicyRule, RbacKind, Role, RoleBinding, RoleRef, Subject } from "./rbac/types.ts";
export { extrasOf, type HeaderLines, type RequestHeaderTrust } from "./request-header.ts";
export { serviceAccountTokens } from "./service-account/authenticator.ts";
export { parseServiceAccountUserName, serviceAccountGroups } from "./service-account/names.ts";
export { createTokenIssuer, type TokenIssuer } from "./service-account/tokens.ts";
export { certificateUsages, signCertificateRequest } from "./sign-request.ts";
export { bootstrapTokens } from "./tokens/bootstrap-tokens.ts";
export {
  createTokenKey,
  jsonWebKey,
  type SigningKey,
  signingKey,
  type VerificationKey,
  verificationKeys,
} from "./tokens/jws.ts";
export { type OidcOptions, oidcTokens, signingAlgs } from "./tokens/oidc.ts";
export type { ObjectReader, TokenAuthenticator } from "./tokens/ports.ts";
export { parseTokenFile, type StaticToken, staticTokens } from "./tokens/static-tokens.ts";
export type { ReviewVersion } from "./webhook/access-review.ts";
export { type WebhookAuthorizerOptions, webhookAuthorizer } from "./webhook/authorizer.ts";
export { type WebhookTokenOptions, webhookTokens } from "./webhook/tokens.ts";
