import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { policyStrategy } from "./policy.ts";
import { policyBindingStrategy } from "./policy-binding.ts";
import { mutatingWebhooks, validatingWebhooks } from "./webhook-configuration.ts";

/** admissionregistration.k8s.io/v1. */
export const admissionRegistrationV1: ServedVersion = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  resources: {
    mutatingwebhookconfigurations: () => ofAnyKind(mutatingWebhooks()),
    validatingwebhookconfigurations: () => ofAnyKind(validatingWebhooks()),
    validatingadmissionpolicies: () => ofAnyKind(policyStrategy()),
    validatingadmissionpolicybindings: ofAnyKind(policyBindingStrategy),
  },
};
