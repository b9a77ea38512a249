import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { podDisruptionBudgetStrategy } from "./pod-disruption-budget.ts";

/** policy/v1. */
export const policyV1: ServedVersion = {
  group: "policy",
  version: "v1",
  resources: { poddisruptionbudgets: ofAnyKind(podDisruptionBudgetStrategy) },
};
