import type { Clock, Timer } from "./ports.ts";

/** The process's own clocks and timers. */
export function nodeClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
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
