import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { ipAddressStrategy } from "./ip-address.ts";

/** networking.k8s.io/v1, so far what holds the addresses of Services. */
export const networkingV1: ServedVersion = {
  group: "networking.k8s.io",
  version: "v1",
  resources: { ipaddresses: ofAnyKind(ipAddressStrategy) },
};
