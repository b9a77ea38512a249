import assert from "node:assert/strict";
import { test } from "node:test";
import { noMember } from "../../src/base/index.ts";
import type { Message } from "../../src/raft/index.ts";
import { Cluster, memberId } from "./cluster.ts";
import { append, drain, heartbeat, index, lone, proposal, term, vote } from "./lone.ts";

/*
 * What the Raft paper says in section 5, by its subsections, as one member or a small cluster shows it.
 */

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
