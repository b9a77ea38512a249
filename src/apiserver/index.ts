/** The resource API over HTTP: a koa onion, one concern a layer. */
export type { ServerLog } from "./log.ts";
export type { ApiServer } from "./ports.ts";
export { type ApiServerOptions, createApiServer } from "./server.ts";
