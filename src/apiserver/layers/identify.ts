import type { Random } from "../../platform/index.ts";
import { requestInfo } from "../request-info.ts";
import type { Layer } from "../state.ts";

/** Gives the request its Audit-Id (the client's own, where it sends one) and reads what its URL means. */
export function identify(random: Random): Layer {
  return (context, next) => {
    const { state, req } = context;
    const given = req.headers["audit-id"];
    state.id = typeof given === "string" && /^[\w-]{1,64}$/.test(given) ? given : random.uuid();
    state.info = requestInfo(req.method ?? "GET", req.url ?? "/");
    return next(context);
  };
}
