/** The resource API over HTTP: a koa onion, one concern a layer. */
export type { ApiServer } from "./ports.ts";
export { createApiServer } from "./server.ts";
