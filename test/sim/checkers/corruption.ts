import type { Model } from "../model.ts";
import type { Checker } from "../observer.ts";

/**
 * Damage is detected, never served: a member whose disk has changed what was durable refuses to start, or goes on with what the log of
 * the cluster says. (What it may not have lost either, `durable` checks in the same place.)
 */
export function damageIsDetected(model: Model): Checker {
  return {
    opened({ machine, parts }) {
      if (!machine.damaged) return;
      const { entries, snapshot } = parts.raftConfig.restored;
      const image = model.points[snapshot.index - 1];
      if (snapshot.index > 0 && image?.term !== snapshot.term)
        throw new Error(`corruption: an image at ${snapshot.index} of term ${snapshot.term} is served`);
      for (const { index, term, data } of entries) {
        const known = model.points[index - 1];
        if (known?.term === term && Buffer.compare(known.data, data) !== 0)
          throw new Error(`corruption: entry ${index} is served, and was another one`);
      }
    },
  };
}
