import { type Index, noMember, type Term } from "../base/index.ts";
import { encodeConfChange } from "./conf-change.ts";
import type { ConfChange, Entry, RaftConfig } from "./types.ts";

/**
 * What the members of a new cluster begin with: a log of term 1 that adds them one after the other, committed, as if a
 * leader had written it. Every one of them must be given the same members with the same contexts, in any order, and make
 * the entries and the hard state durable first. A member that joins later begins with nothing
 * (`joining`) and receives these entries like all others, so that the configuration has one origin: the log.
 */
export function bootstrap(voters: readonly Omit<ConfChange, "type">[]): RaftConfig["restored"] {
  const ordered = [...voters].sort((a, b) => (a.member < b.member ? -1 : 1));
  const entries = ordered.map((voter, position): Entry => {
    const data = encodeConfChange({ ...voter, type: "add-voter" });
    return { term: 1 as Term, index: (position + 1) as Index, type: "conf-change", data };
  });
  const hardState = { term: 1 as Term, vote: noMember, commit: entries.length as Index };
  return { ...joining, hardState, entries };
}

/** What a member begins with that a running cluster is about to add. */
export const joining: RaftConfig["restored"] = {
  hardState: { term: 0 as Term, vote: noMember, commit: 0 as Index },
  snapshot: {
    index: 0 as Index,
    term: 0 as Term,
    confState: { voters: [], votersOutgoing: [], learners: [] },
  },
  entries: [],
  applied: 0 as Index,
};
