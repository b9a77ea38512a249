import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { ingressStrategy } from "./ingress.ts";
import { ingressClassStrategy } from "./ingress-class.ts";
import { ipAddressStrategy } from "./ip-address.ts";
import { networkPolicyStrategy } from "./network-policy.ts";
import { serviceCidrStrategy } from "./service-cidr.ts";

/** networking.k8s.io/v1. */
export const networkingV1: ServedVersion = {
  group: "networking.k8s.io",
  version: "v1",
  resources: {
    ingressclasses: ofAnyKind(ingressClassStrategy),
    ingresses: ofAnyKind(ingressStrategy),
    ipaddresses: ofAnyKind(ipAddressStrategy),
    networkpolicies: ofAnyKind(networkPolicyStrategy),
    servicecidrs: ofAnyKind(serviceCidrStrategy),
  },
};
