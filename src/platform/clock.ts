import type { Clock, Timer } from "./ports.ts";

/** The process's own clocks and timers. */
export function nodeClock(): Clock {
  return {
    now: () => Date.now(),
    // Not `performance`, which is loaded when it is first asked for: several milliseconds of a start.
    monotonic() {
      const [seconds, nanoseconds] = process.hrtime();
      return seconds * 1000 + nanoseconds / 1e6;
    },
    after(milliseconds, fire, options): Timer {
      const timer = setTimeout(fire, milliseconds);
      if (options?.background === true) timer.unref();
      return { cancel: () => clearTimeout(timer) };
    },
    every(milliseconds, fire, options): Timer {
      const timer = setInterval(fire, milliseconds);
      if (options?.background === true) timer.unref();
      return { cancel: () => clearInterval(timer) };
    },
  };
}
