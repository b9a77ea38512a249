/** Who is asking, and the certificates that say so. */

export {
  type Authenticator,
  anonymous,
  type Credentials,
  createAuthenticator,
  type StaticToken,
} from "./authenticator.ts";
export { type AccessRequest, type Authorizer, createAuthorizer } from "./authorizer.ts";
export { type CertificatePair, createAuthority, issueCertificate, type LeafRequest } from "./certificates.ts";
