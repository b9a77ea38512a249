import assert from "node:assert/strict";
import { test } from "node:test";
import { type Index, noMember, type Term, utf8 } from "../../src/base/index.ts";
import { bootstrap, createRaft, encodeConfChange, type Message, type Raft } from "../../src/raft/index.ts";
import { Cluster, memberId } from "./cluster.ts";

/*
 * What the Raft paper says, by its sections, as one member or a small cluster shows it.
 */

const term = (value: number) => value as Term;
const index = (value: number) => value as Index;
const proposal = (text: string) => [{ type: "normal", data: utf8(text) }] as const;

const tuning = {
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
function drain(raft: Raft): Message[] {
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
function lone(
  terms: readonly number[],
  state: { term: number; commit?: number } = { term: terms.at(-1) ?? 0 },
): Raft {
  const hardState = { term: term(state.term), commit: index(state.commit ?? 0), vote: noMember };
  return new Cluster().restore(1, 3, terms, hardState).running;
}

function vote(from: number, asked: number, last: { index: number; term: number }, transfer = false): Message {
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

function append(
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

const heartbeat = (from: number, of: number): Message => ({
  type: "heartbeat",
  from: memberId(from),
  to: memberId(1),
  term: term(of),
  commit: index(0),
  context: 0,
});

test("5.1: a server that hears of a later term takes it over, and is a follower then", () => {
  const cluster = new Cluster().bootstrap(3);
  cluster.elect(1);
  cluster.raft(1).step(heartbeat(2, 9));
  assert.equal(cluster.raft(1).term, 9);
  assert.equal(cluster.raft(1).role, "follower");
  assert.equal(cluster.raft(1).leader, memberId(2));
});

test("5.1: a request with an earlier term changes nothing", () => {
  const raft = lone([1, 2], { term: 5 });
  raft.step(append(2, 4, { index: 2, term: 2 }, [4]));
  raft.step(vote(3, 4, { index: 9, term: 4 }));
  assert.equal(raft.status.lastIndex, 2);
  assert.equal(raft.leader, noMember);
  assert(
    drain(raft).every(
      (message) => message.type === "append-response" && message.rejected && message.term === 5,
    ),
  );
});

test("5.2: a follower that hears from a leader does not stand for election", () => {
  const raft = lone([1]);
  for (let i = 0; i < 100; i++) {
    raft.tick();
    if (i % 9 === 0) raft.step(heartbeat(2, 1));
  }
  assert.equal(raft.role, "follower");
  assert.equal(raft.term, 1);
});

test("5.2: a follower that hears nothing asks everybody else for a vote, once for every time-out", () => {
  const raft = lone([1]);
  for (let i = 0; i < 10; i++) raft.tick();
  const asked = drain(raft).map(({ type, to, term: of }) => `${type} ${to} ${of}`);
  assert.deepEqual(asked, ["pre-vote 2 2", "pre-vote 3 2"]);
  assert.equal(raft.term, 1, "a pre-vote changes no term");
});

test("5.2: a server votes once a term, first come, first served, and repeats that vote", () => {
  const raft = lone([1]);
  raft.step(vote(2, 2, { index: 1, term: 1 }));
  raft.step(vote(3, 2, { index: 1, term: 1 }));
  raft.step(vote(2, 2, { index: 1, term: 1 }));
  const votes = drain(raft).map(
    (message) => message.type === "vote-response" && `${message.to} ${message.granted}`,
  );
  assert.deepEqual(votes, ["2 true", "3 false", "2 true"]);
});

test("5.2: a vote leaves with the write that makes it durable, not before", () => {
  const raft = lone([1]);
  raft.step(vote(2, 2, { index: 1, term: 1 }));
  const ready = raft.takeReady();
  assert.deepEqual(ready.hardState, { term: 2, vote: memberId(2), commit: 0 });
  assert(ready.mustSync);
  assert.deepEqual(ready.messages, []);
  assert.equal(ready.messagesAfterPersist.length, 1);
});

test("5.2: a candidate's own vote does not count before it is durable", () => {
  const raft = new Cluster().restore(1, 1, [1]).running;
  raft.campaign();
  const ready = raft.takeReady();
  assert.equal(raft.role, "candidate", "a single voter, and still no leader");
  raft.persisted(undefined, ready.hardState);
  assert.equal(raft.role, "leader");
});

test("5.2: a late word about the hard state of an earlier term elects nobody", () => {
  const raft = new Cluster().restore(1, 1, [1]).running;
  raft.campaign();
  const { hardState } = raft.takeReady();
  raft.step(heartbeat(2, 2));
  raft.step({ ...heartbeat(2, 3), type: "timeout-now" } as Message);
  assert.equal(raft.role, "candidate");
  raft.persisted(undefined, hardState);
  assert.equal(raft.role, "candidate");
});

test("5.2: a candidate that hears from a leader of its term follows it", () => {
  const raft = lone([1]);
  raft.campaign();
  drain(raft);
  const granted = {
    type: "pre-vote-response",
    granted: true,
    commit: index(0),
    commitTerm: term(0),
  } as const;
  raft.step({ ...granted, from: memberId(2), to: memberId(1), term: term(2) });
  assert.equal(raft.role, "candidate");
  raft.step(append(3, 2, { index: 1, term: 1 }, [2]));
  assert.equal(raft.role, "follower");
  assert.equal(raft.leader, memberId(3));
});

test("5.2: time-outs are drawn anew for every election from [min, 2·min)", () => {
  const waits = new Set<number>();
  let drawn = 0;
  const random = () => (drawn++ % 10) / 10;
  const raft = new Cluster().restore(1, 3, [1], {}, { random }).running;
  for (let wait = 0, i = 0; i < 2000; i++) {
    raft.tick();
    wait++;
    if (!drain(raft).some(({ type }) => type === "pre-vote")) continue;
    waits.add(wait);
    wait = 0;
  }
  assert(Math.min(...waits) >= 10 && Math.max(...waits) < 20, `waits ${[...waits]}`);
  assert(waits.size >= 5, `waits ${[...waits]}`);
});

test("5.2: a leader tells everybody at once that it leads", () => {
  const cluster = new Cluster().bootstrap(3);
  cluster.elect(1);
  for (const number of [1, 2, 3]) assert.equal(cluster.raft(number).leader, memberId(1));
});

test("5.3: an entry is committed once a majority has it durable, the leader among them or not", () => {
  const cluster = new Cluster().bootstrap(3);
  cluster.elect(1);
  const before = cluster.raft(1).status.commit;
  cluster.member(1).held = true;
  cluster.member(3).held = true;
  cluster.raft(1).propose(proposal("a"));
  cluster.settle();
  assert.equal(cluster.raft(1).status.commit, before, "only 2 has it durable");
  cluster.member(3).flush();
  cluster.settle();
  assert.equal(cluster.raft(1).status.commit, before + 1, "2 and 3 have");
  assert.equal(
    cluster.member(1).applied,
    before,
    "but the leader applies it only when it is durable there too",
  );
  cluster.member(1).flush();
  cluster.settle();
  assert.equal(cluster.member(1).applied, before + 1);
});

test("5.3: a follower refuses entries after one it does not have, and says where it could go on", () => {
  const raft = lone([1, 1, 2]);
  raft.step(append(2, 5, { index: 7, term: 4 }, [5]));
  raft.step(append(2, 5, { index: 3, term: 1 }, [5]));
  const hints = drain(raft).map((message) =>
    message.type === "append-response"
      ? [message.rejected, message.index, message.hintIndex, message.hintTerm]
      : [],
  );
  assert.deepEqual(hints, [
    [true, 7, 3, 2],
    [true, 3, 2, 1],
  ]);
});

test("5.3: a follower replaces what contradicts the leader and keeps what does not", () => {
  const raft = lone([1, 1, 2, 2], { term: 3 });
  raft.step(append(2, 3, { index: 1, term: 1 }, [1]));
  assert.equal(raft.status.lastIndex, 4, "an old append that agrees takes nothing away");
  raft.step(append(2, 3, { index: 2, term: 1 }, [3]));
  assert.equal(raft.status.lastIndex, 3);
});

test("5.3: a follower commits what the leader says, but nothing the leader did not show it", () => {
  const raft = lone([1, 1, 1], { term: 1 });
  raft.step(append(2, 2, { index: 1, term: 1 }, [], 3));
  assert.equal(raft.status.commit, 1);
});

for (const [name, terms] of Object.entries({
  "(a) a missing tail": [1, 1, 1, 4, 4, 5, 5, 6, 6],
  "(b) a long missing tail": [1, 1, 1, 4],
  "(c) one entry too many": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
  "(d) entries of a term unknown to the leader": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
  "(e) both": [1, 1, 1, 4, 4, 4, 4],
  "(f) two unknown terms": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
})) {
  test(`5.3: figure 7 ${name} is repaired`, () => {
    const cluster = new Cluster();
    const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    cluster.restore(1, 3, leaderTerms, { term: term(7) });
    cluster.restore(2, 3, terms, { term: term(7) });
    cluster.restore(3, 3, [], { term: term(7) });
    cluster.elect(1);
    for (const number of [2, 3]) {
      const got = cluster.member(number).log.map((entry) => entry.term);
      assert.deepEqual(got, [...leaderTerms, 8]);
    }
  });
}

test("5.3: a conflict costs a message a term, not one an entry", () => {
  const cluster = new Cluster();
  const hundred = (value: number) => new Array<number>(100).fill(value);
  cluster.restore(1, 3, [1, ...hundred(2), ...hundred(5)], { term: term(5) });
  cluster.restore(2, 3, [1, ...hundred(3), ...hundred(4)], { term: term(5) });
  cluster.restore(3, 3, [1], { term: term(5) });
  let rejections = 0;
  cluster.lost = (message) => {
    if (message.type === "append-response" && message.from === memberId(2) && message.rejected) rejections++;
    return false;
  };
  cluster.elect(1);
  assert.equal(cluster.raft(2).status.commit, 202);
  assert(rejections <= 3, `${rejections} rejections`);
});

test("5.4.1: nobody votes for a log that is less up to date than its own", () => {
  const cases = [
    { own: [1, 1], last: { index: 2, term: 1 }, granted: true },
    { own: [1, 1], last: { index: 1, term: 2 }, granted: true },
    { own: [1, 1], last: { index: 1, term: 1 }, granted: false },
    { own: [1, 2], last: { index: 9, term: 1 }, granted: false },
  ];
  for (const { own, last, granted } of cases) {
    const raft = lone(own);
    raft.step(vote(2, 3, last));
    const answer = drain(raft)[0];
    assert.equal(
      answer?.type === "vote-response" && answer.granted,
      granted,
      `${own} asked by ${last.index}/${last.term}`,
    );
  }
});

test("5.4.2: an entry of an earlier term is not committed by counting", () => {
  const cluster = new Cluster();
  cluster.restore(1, 3, [1, 2], { term: term(2) });
  cluster.restore(2, 3, [1, 2], { term: term(2) });
  cluster.restore(3, 3, [1], { term: term(2) });
  // Entries of the new term do not come through, those before them do.
  cluster.lost = ({ type, to }) => type === "append" && to === memberId(2);
  cluster.member(3).held = true;
  cluster.elect(1);
  const { term: of } = cluster.raft(1);
  cluster.raft(1).step({
    type: "append-response",
    from: memberId(2),
    to: memberId(1),
    term: of,
    index: index(2),
    rejected: false,
    hintIndex: index(0),
    hintTerm: term(0),
  });
  assert.equal(cluster.raft(1).status.commit, 0, "1 and 2 have 2/2, a majority");
});

test("5.4.2: committing an entry of its own term commits all before it", () => {
  const cluster = new Cluster();
  for (const number of [1, 2, 3]) cluster.restore(number, 3, [1, 2], { term: term(2) });
  cluster.elect(1);
  assert.equal(cluster.raft(1).status.commit, 3);
});

test("5.4.3: a leader's log is never behind what is committed, whoever may vote", () => {
  const cluster = new Cluster().bootstrap(3);
  cluster.elect(1);
  cluster.lost = ({ from, to }) => from === memberId(3) || to === memberId(3);
  cluster.raft(1).propose(proposal("a"));
  cluster.settle();
  cluster.lost = () => false;
  cluster.member(1).crash();
  cluster.tick(60);
  assert.equal(cluster.raft(2).role, "leader", "3 lacks a committed entry and cannot have led");
  assert.equal(cluster.member(3).applied, cluster.member(2).applied);
});

test("5.5: requests that come twice do no harm", () => {
  const raft = lone([1]);
  const twice = append(2, 2, { index: 1, term: 1 }, [2, 2], 2);
  raft.step(twice);
  raft.step(twice);
  assert.equal(raft.status.lastIndex, 3);
  assert.equal(raft.status.commit, 2);
});

test("6: a removed leader steps down, and the rest elect another", () => {
  const cluster = new Cluster().bootstrap(3);
  cluster.elect(1);
  const data = encodeConfChange({ type: "remove", member: memberId(1) });
  cluster.raft(1).propose([{ type: "conf-change", data }]);
  cluster.settle();
  assert.equal(cluster.raft(1).role, "follower");
  assert.deepEqual(cluster.raft(2).status.confState.voters, [2n, 3n]);
  cluster.tick(60);
  assert([2, 3].some((number) => cluster.raft(number).role === "leader"));
  assert.equal(cluster.raft(1).role, "follower");
});

test("6: a removed server that was not told cannot depose the leader", () => {
  const cluster = new Cluster().bootstrap(4);
  cluster.elect(1);
  cluster.lost = ({ to }) => to === memberId(4);
  const data = encodeConfChange({ type: "remove", member: memberId(4) });
  cluster.raft(1).propose([{ type: "conf-change", data }]);
  cluster.settle();
  const before = cluster.raft(1).term;
  cluster.tick(200);
  assert.deepEqual(cluster.raft(1).status.confState.voters, [1n, 2n, 3n]);
  assert.equal(cluster.raft(1).role, "leader");
  assert.equal(cluster.raft(1).term, before);
});

test("6: nobody stands for election by a configuration that it knows to be outdated", () => {
  const data = encodeConfChange({ type: "remove", member: memberId(2) });
  const raft = lone([1]);
  const change = { ...append(2, 2, { index: 1, term: 1 }, [2], 2) } as Message & { type: "append" };
  const [entry] = change.entries;
  assert(entry);
  raft.step({ ...change, entries: [{ ...entry, type: "conf-change", data }] });
  const ready = raft.takeReady();
  raft.persisted(ready.entries.at(-1), ready.hardState);
  raft.campaign();
  assert.equal(raft.role, "follower");
  for (const { index: at, type } of raft.takeReady().committed) {
    if (type === "conf-change") raft.applyConfChange({ type: "remove", member: memberId(2) });
    raft.applied(at);
  }
  raft.campaign();
  assert.equal(raft.role, "pre-candidate");
});

test("6: who is asked to stand before it has applied the configuration stands as soon as it has", () => {
  const raft = createRaft({
    ...tuning,
    restored: bootstrap([{ member: memberId(1) }]),
  });
  raft.campaign();
  assert.equal(raft.role, "follower");
  const ready = raft.takeReady();
  raft.applyConfChange({ type: "add-voter", member: memberId(1) });
  raft.applied(index(ready.committed.length));
  assert.equal(raft.role, "candidate");
});

test("6: a joint configuration elects and commits only with a majority of both halves", () => {
  const ids = (...numbers: number[]) => numbers.map(memberId);
  const confState = { voters: ids(1, 2, 3), votersOutgoing: ids(1, 4, 5), learners: [] };
  const { hardState, entries, applied } = { ...bootstrap([]), entries: [] };
  const raft = createRaft({
    ...tuning,
    restored: { hardState, snapshot: { index: index(0), term: term(0), confState }, entries, applied },
  });
  raft.campaign();
  const asked = drain(raft).map(({ to }) => to);
  assert.deepEqual(asked, ids(2, 3, 4, 5));
  const grant = (from: number, type: "pre-vote-response" | "vote-response"): void => {
    const of = term(type === "vote-response" ? raft.term : raft.term + 1);
    const known = { commit: index(0), commitTerm: term(0) };
    raft.step({ type, from: memberId(from), to: memberId(1), term: of, granted: true, ...known });
    drain(raft);
  };
  grant(2, "pre-vote-response");
  grant(3, "pre-vote-response");
  assert.equal(raft.role, "pre-candidate", "all of the new half is not enough");
  grant(4, "pre-vote-response");
  assert.equal(raft.role, "candidate");
  grant(4, "vote-response");
  grant(5, "vote-response");
  assert.equal(raft.role, "candidate", "all of the old half is not enough");
  grant(2, "vote-response");
  assert.equal(raft.role, "leader");
  const has = (from: number): void => {
    const answer = {
      type: "append-response",
      rejected: false,
      hintIndex: index(0),
      hintTerm: term(0),
    } as const;
    raft.step({
      ...answer,
      from: memberId(from),
      to: memberId(1),
      term: raft.term,
      index: raft.status.lastIndex,
    });
  };
  has(2);
  has(3);
  assert.equal(raft.status.commit, 0);
  has(5);
  assert.equal(raft.status.commit, 1);
});

test("6: two conf changes in a log prove that the first is committed, even where the crash lost that word", () => {
  const change = (type: "add-voter" | "remove", number: number) =>
    encodeConfChange({ type, member: memberId(number) });
  const conf = (position: number, data: Uint8Array) =>
    ({ index: index(position), term: term(1), type: "conf-change", data }) as const;
  const { hardState, entries } = bootstrap([
    { member: memberId(1) },
    { member: memberId(2) },
    { member: memberId(3) },
  ]);
  const raft = createRaft({
    ...tuning,
    restored: {
      ...bootstrap([]),
      hardState,
      entries: [...entries, conf(4, change("add-voter", 4)), conf(5, change("add-voter", 5))],
    },
  });
  assert.equal(raft.status.commit, 4);
});

test("7: a follower that gets an image discards its log, unless the log has all of it", () => {
  const confState = { voters: [1, 2, 3].map(memberId), votersOutgoing: [], learners: [] };
  const image = (at: number, of: number): Message => ({
    type: "snapshot",
    from: memberId(2),
    to: memberId(1),
    term: term(5),
    snapshot: { index: index(at), term: term(of), confState },
  });
  const behind = lone([1, 1, 2, 2]);
  behind.step(image(3, 4));
  assert.equal(behind.status.lastIndex, 3, "entry 4 contradicted the image");
  assert.equal(behind.takeReady().snapshot?.index, 3);
  const ahead = lone([1, 1, 4, 4]);
  ahead.step(image(3, 4));
  assert.equal(ahead.status.lastIndex, 4);
  assert.equal(ahead.status.commit, 3);
  assert.equal(ahead.takeReady().snapshot, undefined);
});

test("7: an image carries the configuration of its index, not of the time it is sent", () => {
  const cluster = new Cluster().bootstrap(3, { trailingBytesMax: 0 });
  cluster.elect(1);
  const at = cluster.raft(1).status.applied;
  const data = encodeConfChange({ type: "add-learner", member: memberId(4) });
  cluster.raft(1).propose([{ type: "conf-change", data }]);
  cluster.settle();
  cluster.join(4);
  cluster.raft(1).compact(at);
  let sent: Message | undefined;
  cluster.lost = (message) => {
    if (message.type === "snapshot") sent = message;
    return message.type === "snapshot";
  };
  cluster.tick(3);
  assert(sent?.type === "snapshot");
  assert.equal(sent.snapshot.index, at);
  assert.deepEqual(sent.snapshot.confState.learners, []);
  assert.deepEqual(cluster.raft(1).status.confState.learners, [4n]);
});

test("7: nobody stands for election before its image is installed", () => {
  const confState = { voters: [1, 2, 3].map(memberId), votersOutgoing: [], learners: [] };
  const raft = lone([1]);
  const snapshot = { index: index(9), term: term(2), confState };
  raft.step({ type: "snapshot", from: memberId(2), to: memberId(1), term: term(2), snapshot });
  raft.takeReady();
  raft.campaign();
  assert.equal(raft.role, "follower");
  raft.applied(index(9));
  raft.campaign();
  assert.equal(raft.role, "pre-candidate");
});

test("8: a read waits until the leader has committed an entry of its term, and for a quorum's word", () => {
  const cluster = new Cluster();
  for (const number of [1, 2, 3]) cluster.restore(number, 3, [1, 1], { term: term(1), commit: index(2) });
  const answered: number[] = [];
  cluster.observer = { read: (_member, { index: at }) => answered.push(at) };
  cluster.lost = ({ type }) => type === "append-response";
  cluster.elect(1);
  assert(cluster.raft(1).readIndex(7));
  cluster.settle();
  assert.deepEqual(answered, []);
  cluster.lost = ({ type }) => type === "heartbeat-response";
  cluster.raft(1).tick();
  cluster.settle();
  cluster.lost = () => false;
  cluster.tick(1, 1);
  assert.deepEqual(answered, [3]);
});

test("8: a leader that was deposed without knowing answers no read", () => {
  const cluster = new Cluster().bootstrap(3);
  cluster.elect(1);
  const answered: bigint[] = [];
  cluster.observer = { read: ({ id }) => answered.push(id) };
  cluster.lost = ({ from, to }) => from === memberId(1) || to === memberId(1);
  cluster.tick(15, 3);
  cluster.tick(15, 2);
  assert(cluster.raft(2).role === "leader" || cluster.raft(3).role === "leader");
  assert.equal(cluster.raft(1).role, "leader", "of an earlier term");
  assert(cluster.raft(1).readIndex(1));
  cluster.settle();
  cluster.lost = () => false;
  cluster.tick(5);
  assert.deepEqual(answered, []);
});

test("an entry of a term whose hard state a torn write lost brings the term back", () => {
  const raft = lone([1, 4], { term: 3 });
  assert.equal(raft.term, 4);
});

test("a member that lost its log says so instead of following on", () => {
  const raft = lone([1], { term: 2 });
  assert.throws(() => raft.step({ ...heartbeat(2, 2), commit: index(7) } as Message), /its data was lost/);
});

test("entries with a gap or with terms that fall are refused", () => {
  const raft = lone([1], { term: 3 });
  const good = append(2, 3, { index: 1, term: 1 }, [2, 3]) as Message & { type: "append" };
  const [first, second] = good.entries;
  assert(first && second);
  raft.step({ ...good, entries: [second] });
  raft.step({
    ...good,
    entries: [
      { ...first, term: term(3) },
      { ...second, term: term(2) },
    ],
  });
  raft.step({ ...good, entries: [{ ...first, term: term(9) }] });
  assert.equal(raft.status.lastIndex, 1);
});

test("a message for somebody else, or from oneself, is ignored", () => {
  const raft = lone([1]);
  raft.step({ ...heartbeat(2, 9), to: memberId(3) });
  raft.step(heartbeat(1, 9));
  assert.equal(raft.term, 1);
});

test("a conf change that cannot be read never gets into the log", () => {
  const cluster = new Cluster().bootstrap(1);
  cluster.elect(1);
  const types: string[] = [];
  cluster.observer = { applied: (_member, { type }) => types.push(type) };
  cluster.raft(1).propose([{ type: "conf-change", data: utf8("?") }]);
  cluster.settle();
  assert.deepEqual(types, ["normal"]);
});
