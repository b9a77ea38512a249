/**
 * Host names for Services: Ingresses and OpenShift's Routes, carried by HAProxy or by a proxy of our own. `router.ts` tells how it goes
 * together, `table.ts` what is routed where.
 */
export type { RouterAddresses } from "./driver.ts";
export { type EmbeddedOptions, startEmbeddedDriver } from "./embedded/driver.ts";
export { type HaproxyOptions, hasHaproxy, startHaproxyDriver } from "./haproxy/driver.ts";
export { readRoutes } from "./read.ts";
export { type Router, type RouterOptions, startRouter } from "./router.ts";
export type { RouteTable } from "./types.ts";
