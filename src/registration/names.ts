/** On the slice and the Lease of a registration, with `registrationManager`: nobody else's controllers touch them. */
export const managedByLabel = "endpointslice.kubernetes.io/managed-by";
export const registrationManager = "registration.raftsman.dev";

/** Which Service a slice belongs to; also on the Lease, for people. */
export const serviceNameLabel = "kubernetes.io/service-name";
