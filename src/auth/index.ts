/** Who is asking, and the certificates that say so. */
export { type CertificatePair, createAuthority, issueCertificate, type LeafRequest } from "./certificates.ts";
