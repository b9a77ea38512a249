import { type Index, noMember, type Term, utf8 } from "../../src/base/index.ts";
import type { Message, Raft } from "../../src/raft/index.ts";
import { Cluster, memberId } from "./cluster.ts";

/*
 * One member alone with its test, and what others might say to it.
 */

export const term = (value: number) => value as Term;
export const index = (value: number) => value as Index;
export const proposal = (text: string) => [{ type: "normal", data: utf8(text) }] as const;

export const tuning = {
  id: memberId(1),
  electionTicks: 10,
  heartbeatTicks: 1,
  random: () => 0,
  appendBytesMax: 1000,
  inflightMessagesMax: 4,
  uncommittedBytesMax: 1000,
  committedBytesMax: 1000,
};

/** Takes all Readys, durable at once; answers what was sent. */
export function drain(raft: Raft): Message[] {
  const sent: Message[] = [];
  while (raft.hasReady()) {
    const ready = raft.takeReady();
    sent.push(...ready.messages, ...ready.messagesAfterPersist);
    raft.persisted(ready.entries.at(-1), ready.hardState);
    const last = ready.committed.at(-1);
    if (last) raft.applied(last.index);
  }
  return sent;
}

/** Member 1 of three, alone with the test, with a log of these terms. */
export function lone(
  terms: readonly number[],
  state: { term: number; commit?: number } = { term: terms.at(-1) ?? 0 },
): Raft {
  const hardState = { term: term(state.term), commit: index(state.commit ?? 0), vote: noMember };
  return new Cluster().restore(1, 3, terms, hardState).running;
}

export function vote(
  from: number,
  asked: number,
  last: { index: number; term: number },
  transfer = false,
): Message {
  return {
    type: "vote",
    from: memberId(from),
    to: memberId(1),
    term: term(asked),
    lastIndex: index(last.index),
    lastTerm: term(last.term),
    transfer,
  };
}

export function append(
  from: number,
  of: number,
  prev: { index: number; term: number },
  terms: readonly number[],
  commit = 0,
): Message {
  return {
    type: "append",
    from: memberId(from),
    to: memberId(1),
    term: term(of),
    prevIndex: index(prev.index),
    prevTerm: term(prev.term),
    entries: terms.map((entryTerm, position) => ({
      index: index(prev.index + 1 + position),
      term: term(entryTerm),
      type: "normal",
      data: new Uint8Array(0),
    })),
    commit: index(commit),
  };
}

export const heartbeat = (from: number, of: number): Message => ({
  type: "heartbeat",
  from: memberId(from),
  to: memberId(1),
  term: term(of),
  commit: index(0),
  context: 0,
});
