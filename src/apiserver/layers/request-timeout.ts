import { durationProblem, errors } from "../../apimachinery/index.ts";
import type { Layer } from "../state.ts";
import { isLong } from "./max-in-flight.ts";

/** `timeout`, which clients such as `kubectl --request-timeout` send along, is a duration. Requests here end long before any. */
export function requestTimeout(): Layer {
  return (context, next) => {
    const { info } = context.state;
    const timeout = info.query.empty || isLong(info) ? "" : info.query.get("timeout");
    const why = timeout === "" ? undefined : durationProblem(timeout);
    if (why === undefined) return next(context);
    throw errors.badRequest(`invalid timeout specified in the request URL - ${why}`);
  };
}
