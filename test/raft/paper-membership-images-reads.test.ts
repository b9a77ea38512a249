import assert from "node:assert/strict";
import { test } from "node:test";
import { bootstrap, createRaft, encodeConfChange, type Message } from "../../src/raft/index.ts";
import { Cluster, memberId } from "./cluster.ts";
import { append, drain, index, lone, term, tuning } from "./lone.ts";

/*
 * What the Raft paper says in sections 6 (membership), 7 (log compaction) and 8 (clients).
 */

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
  // It found the configuration joint, and leaves it now that its term has begun.
  drain(raft);
  const [leaving] = [raft.status.lastIndex];
  assert.equal(leaving, index(2));
  has(2);
  has(4);
  has(5);
  while (raft.hasReady()) {
    const { entries, committed, hardState: state } = raft.takeReady();
    raft.persisted(entries.at(-1), state);
    for (const { type } of committed)
      if (type === "conf-change") raft.applyConfChange({ type: "leave-joint" });
    const last = committed.at(-1);
    if (last) raft.applied(last.index);
  }
  assert.deepEqual(raft.status.confState, { voters: ids(1, 2, 3), votersOutgoing: [], learners: [] });
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
  const { applied: at, term } = cluster.raft(1).status;
  const data = encodeConfChange({ type: "add-learner", member: memberId(4) });
  cluster.raft(1).propose([{ type: "conf-change", data }]);
  cluster.settle();
  cluster.join(4);
  cluster.raft(1).compact({ index: at, term });
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
