import type { Duplex } from "node:stream";
import type { Clock } from "../platform/index.ts";
import { halfClosedMs } from "./limits.ts";

/**
 * Passes bytes on between two connections in both directions, no faster than each reads. The end of one direction is passed on alone, so that a
 * client that has finished asking still gets its answer; a reset is passed on as a reset, so that half an answer is never taken
 * for a whole one. `ended` is called once, when both are gone.
 */
export function joinConnections(a: Duplex, b: Duplex, clock: Clock, ended: () => void): void {
  let open = 2;
  let finishing: { cancel(): void } | undefined;
  const half = (from: Duplex, to: Duplex): void => {
    from.on("error", () => reset(to));
    from.on("end", () => {
      finishing ??= clock.after(
        halfClosedMs,
        () => {
          reset(from);
          reset(to);
        },
        { background: true },
      );
    });
    from.on("close", () => {
      if (!from.readableEnded) reset(to);
      open--;
      if (open > 0) return;
      finishing?.cancel();
      ended();
    });
    from.pipe(to);
  };
  half(a, b);
  half(b, a);
}

/** Breaks a connection off, so that the other side sees it as broken. */
export function reset(stream: Duplex): void {
  if (stream.destroyed) return;
  if ("resetAndDestroy" in stream && typeof stream.resetAndDestroy === "function") stream.resetAndDestroy();
  else stream.destroy();
}
