/**
 * Endpoints of programs that are no pods. A registration is two objects of one name: an EndpointSlice, which says where the program is, and a Lease,
 * which says that somebody vouches for it. Whoever holds the Lease renews it; when it runs out, or is deleted, the registration controller
 * removes the slice. So both are all that a program in another language needs, too.
 */
export { managedByLabel, registrationManager, serviceNameLabel } from "./names.ts";
export { type Registration, type RegistrationRequest, register } from "./registration.ts";
