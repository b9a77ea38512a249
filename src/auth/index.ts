/** Who is asking, and the certificates that say so. */

export {
  type Authenticator,
  anonymous,
  createAuthenticator,
} from "./authenticator.ts";
export { type Authorizer, createAuthorizer } from "./authorizer.ts";
export { type CertificatePair, createAuthority, issueCertificate, type LeafRequest } from "./certificates.ts";
