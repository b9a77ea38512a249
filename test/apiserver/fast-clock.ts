import { type Clock, nodePlatform } from "../../src/platform/index.ts";

/** The clock of a server under test runs so much faster. */
export const clockSpeed = 20;

/** Time-outs of watches are recorded in seconds; here they pass faster. Times that people read stay real. */
export function fastClock(): Clock {
  const { clock } = nodePlatform();
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic() * clockSpeed,
    after: (milliseconds, fire, options) => clock.after(milliseconds / clockSpeed, fire, options),
    every: (milliseconds, fire, options) => clock.every(milliseconds / clockSpeed, fire, options),
  };
}
