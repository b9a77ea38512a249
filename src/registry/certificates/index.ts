import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { certificateSigningRequestStrategy } from "./strategy.ts";

/** certificates.k8s.io/v1. */
export const certificatesV1: ServedVersion = {
  group: "certificates.k8s.io",
  version: "v1",
  resources: { certificatesigningrequests: ofAnyKind(certificateSigningRequestStrategy) },
};
