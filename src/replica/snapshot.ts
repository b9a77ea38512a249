/** All that is replicated, held still for whoever writes it down in another form than ours. */
import type { Index, Term } from "../base/index.ts";
import type { MvccHistory } from "../mvcc/index.ts";
import type { StateMachine } from "./state-machine.ts";

/** Writes go on; what they would free is kept until `close`. */
export interface StateSnapshot extends MvccHistory {
  /** Of the last entry in it. */
  readonly index: Index;
  readonly term: Term;
  readonly members: StateMachine["membership"]["members"];
  readonly removed: StateMachine["membership"]["removed"];
  readonly leases: ReturnType<StateMachine["lessor"]["records"]>;
  readonly alarms: StateMachine["alarms"]["all"];
  readonly access: StateMachine["access"]["all"] & { readonly enabled: boolean; readonly revision: number };
  /** Lets everybody else have a turn. */
  readonly turn: () => Promise<void>;
}

export function snapshotOf(
  state: StateMachine,
  { turn, onClosed }: { turn: () => Promise<void>; onClosed: () => void },
): StateSnapshot {
  const { membership, lessor, alarms, access, applied, mvcc } = state;
  const history = mvcc.history();
  return {
    ...history,
    close() {
      history.close();
      onClosed();
    },
    ...applied,
    members: membership.members,
    removed: membership.removed,
    leases: lessor.records(),
    alarms: alarms.all,
    access: { ...access.all, enabled: access.enabled, revision: access.revision },
    turn,
  };
}
