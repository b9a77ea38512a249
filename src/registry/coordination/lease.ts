import type { FieldError, KubeObject } from "../../apimachinery/index.ts";
import { nonNegative, positive } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    leaseTransitions?: number;
    strategy?: string;
    preferredHolder?: string;
  };
}

/** Leases are written every few seconds by everybody: a PUT creates, and little is checked. */
export const leaseStrategy: Strategy<Lease> = {
  namespaced: true,
  anyFinalizer: true,
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  prepareForCreate: withoutCoordination,
  prepareForUpdate: withoutCoordination,
  validate: validateLease,
  validateUpdate: validateLease,
  tableRow: (lease, now) => [nameOf(lease), lease.spec?.holderIdentity ?? "", age(lease, now)],
};

/** Coordinated leader election is off in 1.35 by default: its fields are dropped. */
function withoutCoordination(lease: Lease): Lease {
  delete lease.spec?.strategy;
  delete lease.spec?.preferredHolder;
  return lease;
}

/** An empty holder is allowed: so an elected client gives its lease back. */
function validateLease({ spec }: Lease): FieldError[] {
  const errors: FieldError[] = [];
  if (spec?.leaseDurationSeconds !== undefined) {
    errors.push(...positive("spec.leaseDurationSeconds", spec.leaseDurationSeconds));
  }
  errors.push(...nonNegative("spec.leaseTransitions", spec?.leaseTransitions));
  return errors;
}
