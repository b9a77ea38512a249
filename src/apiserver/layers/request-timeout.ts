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
    if ((info.query.empty && context.method === "GET") || isLong(info)) return next(context);
    context.state.deadline = clock.monotonic() + timeoutMs(info.query.get("timeout"));
    return next(context);
  };
}

/** @throws StatusError BadRequest where it is no duration */
function timeoutMs(timeout: string): number {
  if (timeout === "") return requestMsMax;
  const nanoseconds = parseDuration(timeout);
  if (nanoseconds === undefined)
    throw errors.badRequest(`invalid timeout specified in the request URL - ${durationProblem(timeout)}`);
  const milliseconds = Number(nanoseconds) / 1_000_000;
  return milliseconds > 0 ? Math.min(milliseconds, requestMsMax) : requestMsMax;
}
