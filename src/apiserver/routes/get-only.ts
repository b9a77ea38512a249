import type Router from "@koa/router";
import { errors } from "../../apimachinery/index.ts";
import type { ApiContext } from "../state.ts";

/** A document that upstream's server has for GET alone: HEAD, which the router takes for the same, is refused. */
export function getOnly(router: Router, path: string, reply: (context: ApiContext) => void): void {
  router.head(path, () => {
    throw errors.methodNotAllowed();
  });
  router.get(path, (context) => reply(context as unknown as ApiContext));
}
