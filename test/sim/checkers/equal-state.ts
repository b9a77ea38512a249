import { createHash } from "node:crypto";
import type { Revision } from "../../../src/base/index.ts";
import type { StateMachine } from "../../../src/replica/state-machine.ts";
import { type Model, textOfLeases } from "../model.ts";
import type { Checker } from "../observer.ts";

/** A digest of everything is not free: at every so many indexes, and after an image. */
const digestEvery = 8;

/**
 * State machine safety (Raft paper, figure 3): members apply the same entries, and are equal at equal index: keys with their history,
 * leases, members, alarms, configuration. What the model says of the revision holds at every index.
 */
export function equalState(model: Model): Checker {
  const digests = new Map<number, string>();
  return {
    committed(_, entries) {
      for (const entry of entries) model.take(entry);
    },
    applied({ parts: { state, raft } }, index) {
      const point = model.points[index - 1];
      if (point === undefined) throw new Error(`index ${index} is applied, and was committed by nobody`);
      const { revision, compactRevision } = state.mvcc;
      if (revision !== point.revision || compactRevision !== point.compactRevision)
        throw new Error(
          `at index ${index} the store is at revision ${revision}, compacted at ${compactRevision}: by the log it is ${point.revision} and ${point.compactRevision}`,
        );
      if (index % digestEvery !== 0) return;
      const leases = textOfLeases(state.lessor.records());
      if (leases !== point.leases)
        throw new Error(`at index ${index} there are leases ${leases}: by the log ${point.leases || "none"}`);
      const digest = digestOf(
        state,
        JSON.stringify(raft.status.confState, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
      );
      const other = digests.get(index) ?? digest;
      if (other !== digest)
        throw new Error(
          `equal state: at index ${index} this member's state is ${digest}, another's ${other}`,
        );
      digests.set(index, digest);
    },
  };
}

function digestOf(state: StateMachine, conf: string): string {
  const hashing = state.mvcc.hash(0 as Revision);
  const keys = hashing.step(Number.POSITIVE_INFINITY);
  hashing.close();
  const rest = createHash("sha256");
  for (const part of [
    state.lessor.image(),
    state.membership.image(),
    state.alarms.image(),
    state.access.image(),
    conf,
  ])
    rest.update(part);
  return `${keys}-${rest.digest("hex").slice(0, 12)}`;
}
