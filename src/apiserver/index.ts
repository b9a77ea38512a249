/** The resource API over HTTP: a koa onion, one concern a layer. */
export { type AccessControl, createAccessControl, type ServiceAccountKeys } from "./access/access-control.ts";
export type { PolicyFeed } from "./access/policy-feed.ts";
export type { ApiServer } from "./ports.ts";
export { kubernetesVersion } from "./routes/version.ts";
export { createApiServer } from "./server.ts";
