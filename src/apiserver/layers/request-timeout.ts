import { durationProblem, errors, parseDuration } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import { requestMsMax } from "../limits.ts";
import type { Layer } from "../state.ts";
import { isLong } from "./max-in-flight.ts";

/**
 * `timeout`, which clients such as `kubectl --request-timeout` send along, is a duration. Requests here end long before any, but for the webhooks
 * that are asked about a write: these get what is left of the time.
 */
export function requestTimeout(clock: Clock): Layer {
  return (context, next) => {
    const { info } = context.state;
    if (info.query.empty && context.method === "GET") return next(context);
    if (isLong(info)) return next(context);
    const timeout = info.query.empty ? "" : info.query.get("timeout");
    const why = timeout === "" ? undefined : durationProblem(timeout);
    if (why !== undefined) throw errors.badRequest(`invalid timeout specified in the request URL - ${why}`);
    const milliseconds = Number(parseDuration(timeout) ?? 0n) / 1_000_000;
    context.state.deadline =
      clock.monotonic() + (milliseconds > 0 ? Math.min(milliseconds, requestMsMax) : requestMsMax);
    return next(context);
  };
}
