/** Members come and go: real members on loopback, machines that can die. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { fromUtf8, type MemberId, seededPrng, utf8 } from "../../src/base/index.ts";
import type { KvError, KvErrorCode } from "../../src/kv/index.ts";
import { openReplica, type Replica, type ReplicaConfig } from "../../src/replica/index.ts";
import { createLog } from "../../src/telemetry/index.ts";
import { put, txn } from "../kv/contract.ts";
import { freePorts, quietLog, replicaConfigs } from "./cluster.ts";
import { Machine } from "./machine.ts";

const silentLog = createLog({ sink: () => {}, now: Date.now, level: "error", format: "text" });

interface Running {
  readonly machine: Machine;
  readonly config: ReplicaConfig;
  readonly replica: Replica;
}

/** Members on machines of their own; all that still run end with the test. */
class World {
  readonly running = new Map<string, Running>();
  readonly #log;

  constructor(t: TestContext, log = quietLog) {
    this.#log = log;
    t.after(async () => {
      await Promise.all([...this.running.values()].map(({ replica }) => replica.close()));
    });
  }

  async start(config: ReplicaConfig, machine = new Machine()): Promise<Replica> {
    const replica = await openReplica({ platform: machine.platform, config, log: this.#log });
    this.running.set(config.name, { machine, config, replica });
    const publish = (): Promise<void> =>
      replica
        .publish({ name: config.name, clientUrls: [`http://${config.name}`] })
        .catch((error: KvError) => {
          // An image that comes first, or takes long, leaves open whether it was published.
          if (error.code !== "LEADER_CHANGED" && error.code !== "TIMEOUT") throw error;
          return publish();
        });
    await publish();
    return replica;
  }

  /** A first member, or three. */
  async begin(count: number, options: Partial<ReplicaConfig> = {}): Promise<Replica[]> {
    const configs = replicaConfigs(await freePorts(count), "/data", options);
    return Promise.all(configs.map((config) => this.start(config)));
  }

  /** How a member of that name would be started whose peer URLs the cluster knows. */
  async newcomer(name: string): Promise<ReplicaConfig> {
    const [port = 0] = await freePorts(1);
    const [first] = this.running.values();
    assert(first);
    const known = [...this.running.values()].flatMap(({ config }) =>
      config.initialMembers.filter((member) => member.name === config.name),
    );
    return {
      ...first.config,
      name,
      directory: `/data/${name}`,
      initialState: "existing",
      initialMembers: [...known, { name, peerUrls: [`http://127.0.0.1:${port}`] }],
      listenPeer: { host: "127.0.0.1", port },
    };
  }

  async crash(name: string): Promise<Running> {
    const one = this.running.get(name);
    assert(one);
    this.running.delete(name);
    await one.machine.powerOff();
    return one;
  }

  /** What a member ends with that was removed. */
  async ended(name: string): Promise<string> {
    const one = this.running.get(name);
    assert(one);
    this.running.delete(name);
    const { message } = await one.replica.failed.catch((error: Error) => error);
    await one.replica.close();
    return message;
  }
}

function own({ initialMembers, name }: ReplicaConfig): readonly string[] {
  return initialMembers.find((member) => member.name === name)?.peerUrls ?? [];
}

/** Until it is no longer refused for what time heals: members that just connected, a learner that is catching up. */
async function settled<T>(change: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await change();
    } catch (error) {
      const { code } = error as { code?: KvErrorCode };
      if (code !== "UNHEALTHY" && code !== "LEARNER_NOT_READY" && code !== "NOT_ENOUGH_STARTED") throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function join(world: World, through: Replica, name: string, learner = false): Promise<Replica> {
  const config = await world.newcomer(name);
  await settled(() => through.addMember(own(config), { learner }));
  return world.start(config);
}

async function text(replica: Replica, key: string, serializable = false): Promise<string | undefined> {
  const { kvs } = await replica.range({ key: utf8(key), serializable });
  return kvs[0] && fromUtf8(kvs[0].value);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

const names = async (replica: Replica) =>
  (await replica.members({ linearizable: true })).map(({ name }) => name).sort();

test("a cluster of one grows to three and shrinks to one, and loses nothing on the way", async (t) => {
  const world = new World(t);
  const [first] = await world.begin(1);
  assert(first);
  await first.txn(txn(put("before", "x")));
  const second = await join(world, first, "m2");
  assert.equal(await text(second, "before"), "x");
  const third = await join(world, second, "m3");
  await third.txn(txn(put("among-three", "x")));
  assert.deepEqual(await names(first), ["m1", "m2", "m3"]);
  const { hash } = await first.hashKv(third.header().revision);
  assert.equal((await third.hashKv(third.header().revision)).hash, hash);

  // A joined member needs no flag to know who it is when it starts again.
  await third.close();
  const { config, machine } = world.running.get("m3") as Running;
  const again = await world.start({ ...config, initialState: "new" }, machine.restarted());
  assert.equal(again.memberId, third.memberId);

  await settled(() => again.removeMember(first.memberId));
  assert.match(
    await world.ended("m1"),
    /^member [0-9a-f]+ \(m1\) was removed from the cluster: .*member add/,
  );
  await settled(() => again.removeMember(second.memberId));
  assert.match(await world.ended("m2"), /was removed/);
  await again.txn(txn(put("alone", "x")));
  assert.deepEqual(await names(again), ["m3"]);
  assert.equal(await text(again, "among-three"), "x");
  await assert.rejects(again.removeMember(again.memberId), { code: "NOT_ENOUGH_STARTED" });
});

test("a leader that is asked to remove itself hands over, answers, and ends", async (t) => {
  const world = new World(t);
  const replicas = await world.begin(3);
  await until(() => replicas.some(({ memberId }) => memberId === replicas[0]?.status().leader));
  const leader = [...world.running.values()].find(({ replica }) => replica.status().role === "leader");
  assert(leader);
  const { name } = leader.config;
  const members = await settled(() => leader.replica.removeMember(leader.replica.memberId));
  assert.equal(members.length, 2);
  assert.match(await world.ended(name), new RegExp(`\\(${name}\\) was removed`));
  for (const { replica } of world.running.values()) await replica.txn(txn(put("after", "x")));
});

test("a dead member is replaced while writes go on, and the one that comes back late is told that it was removed", async (t) => {
  const world = new World(t, silentLog);
  await world.begin(3);
  const dead = await world.crash("m3");
  const survivors = [...world.running.values()].map(({ replica }) => replica);
  const [writer, other] = survivors as [Replica, Replica];
  let written = 0;
  let stop = false;
  const writing = (async () => {
    while (!stop) await writer.txn(txn(put(`w${written}`, `${written++}`)));
  })();
  await until(() =>
    survivors.some(({ memberId }) => survivors.every((one) => one.status().leader === memberId)),
  );
  await settled(() => other.removeMember(dead.replica.memberId));
  const replacement = await join(world, other, "m4");
  const before = written;
  await until(() => written > before + 20);
  stop = true;
  await writing;
  for (let i = 0; i < written; i++) assert.equal(await text(replacement, `w${i}`, i > 0), `${i}`);

  const returned = dead.machine.powerOn(seededPrng(1));
  const late = await openReplica({ platform: returned.platform, config: dead.config, log: silentLog });
  const term = other.header().term;
  await assert.rejects(late.failed, /\(m3\) was removed from the cluster/);
  await late.close();
  assert.equal(other.header().term, term, "it has disturbed nobody");
  assert.notEqual(other.status().leader, late.memberId);
});

test("a member that was away while another joined follows it all the same when that one leads", async (t) => {
  const world = new World(t, silentLog);
  const [first] = await world.begin(4);
  assert(first);
  await first.txn(txn(put("before", "x")));
  const away = await world.crash("m4");
  // It may have led.
  const others = [...world.running.values()].map(({ replica }) => replica);
  await until(() => others.some(({ memberId }) => others.every((one) => one.status().leader === memberId)));
  const leader = await join(world, first, "m5");
  await until(async () => {
    const old = [...world.running.values()].find(({ replica }) => replica.status().role === "leader");
    if (old?.replica !== leader) await old?.replica.moveLeader(leader.memberId).catch(() => {});
    return leader.status().role === "leader";
  });
  await leader.txn(txn(put("after", "y")));
  // It has never heard of who leads now.
  const back = await world.start(away.config, away.machine.powerOn(seededPrng(1)));
  assert.deepEqual([await text(back, "before"), await text(back, "after")], ["x", "y"]);
  assert.equal(back.status().leader, leader.memberId);
});

test("a newcomer is taken where the others have a quorum without it: with three of four, and not with two of three", async (t) => {
  for (const count of [4, 3]) {
    const world = new World(t, silentLog);
    const replicas = await world.begin(count);
    const [, follower] = replicas
      .map(({ memberId }) => memberId)
      .filter((id) => id !== replicas[0]?.status().leader);
    const [leaving] = replicas.filter(({ memberId }) => memberId === follower);
    const survivor = replicas.find((replica) => replica !== leaving) as Replica;
    let port = 1;
    const addAndRemove = async () => {
      const { added } = await survivor.addMember([`http://127.0.0.1:${port++}`], { learner: true });
      await survivor.removeMember(added);
    };
    await settled(addAndRemove);
    await leaving?.close();
    if (count === 4) await addAndRemove();
    // It takes the others a moment to notice that one is gone.
    else while (await addAndRemove().then(() => true, isNot("UNHEALTHY")));
  }
});

/** Answers false to this code, and passes every other failure on. */
function isNot(code: KvErrorCode): (error: { code?: string }) => false {
  return (error) => {
    if (error.code !== code) throw error;
    return false;
  };
}

test("a member whose quorum is lost for good goes on alone, a learner, too, with all it has, and takes newcomers", async (t) => {
  for (const survivorName of ["m2", "m4"]) {
    const world = new World(t, silentLog);
    const [first] = await world.begin(3);
    assert(first);
    const learner = await join(world, first, "m4", true);
    for (let i = 0; i < 20; i++) await first.txn(txn(put(`k${i}`, `${i}`)));
    await until(async () => (await text(learner, "k19", true)) === "19");
    const crashed = new Map<string, Running>();
    for (const name of [...world.running.keys()]) crashed.set(name, await world.crash(name));
    const { config, machine } = crashed.get(survivorName) as Running;
    const alone = await world.start({ ...config, forceNewCluster: true }, machine.powerOn(seededPrng(1)));
    assert.equal(await text(alone, "k19"), "19");
    assert.deepEqual(
      (await alone.members({ linearizable: true })).map(({ name, learner }) => [name, learner]),
      [[survivorName, false]],
    );
    await alone.txn(txn(put("new", "1")));
    const newcomer = await join(world, alone, "m5");
    assert.equal(await text(newcomer, "new"), "1");
  }
});

test("a learner has the data, no vote, and becomes a voter once it is in sync", async (t) => {
  const world = new World(t, silentLog);
  const [first] = await world.begin(1);
  assert(first);
  for (let i = 0; i < 50; i++) await first.txn(txn(put(`k${i}`, "x")));
  const config = await world.newcomer("m2");
  const { added, members } = await first.addMember(own(config), { learner: true });
  assert.deepEqual(
    members.filter(({ learner }) => learner).map(({ id }) => id),
    [added],
  );
  await assert.rejects(first.promoteMember(added), { code: "LEARNER_NOT_READY" });
  await assert.rejects(first.addMember(["http://127.0.0.1:1"], { learner: true }), {
    code: "TOO_MANY_LEARNERS",
  });
  // A learner that has not started costs no quorum.
  await first.txn(txn(put("alone", "x")));
  const learner = await world.start(config);
  await until(() => learner.isLearner());
  assert.equal(await text(learner, "alone"), "x");
  assert.equal(learner.isLearner(), true);
  await assert.rejects(first.moveLeader(learner.memberId), { code: "BAD_TRANSFEREE" });
  // Asked of a member that does not lead, too.
  await settled(() => learner.promoteMember(added));
  await until(() => !learner.isLearner());
  await assert.rejects(learner.promoteMember(added), { code: "MEMBER_NOT_LEARNER" });
  await first.moveLeader(learner.memberId);
  assert.equal(learner.status().role, "leader");
  await assert.rejects(first.moveLeader(first.memberId), { code: "NOT_LEADER" });
});

test("a newcomer far behind receives the image and takes part", async (t) => {
  const world = new World(t);
  const [first] = await world.begin(1, { snapshotCount: 50 });
  assert(first);
  // More than the tail that is kept behind an image.
  const value = "x".repeat(200_000);
  for (let i = 0; i < 120; i++) await first.txn(txn(put(`k${i % 5}`, `${value}${i}`)));
  const second = await join(world, first, "m2");
  assert.equal(await text(second, "k4"), `${value}119`);
  await second.txn(txn(put("after", "x")));
  assert.deepEqual(await names(second), ["m1", "m2"]);
});

test("a leader whose image is damaged makes another one for whoever needs it", async (t) => {
  const world = new World(t);
  const [first] = await world.begin(1, { snapshotCount: 50, trailingBytes: 0 });
  assert(first);
  for (let i = 0; i < 120; i++) await first.txn(txn(put(`k${i % 5}`, `${i}`)));
  const { machine, config } = world.running.get("m1") as Running;
  const directory = `${config.directory}/snapshots`;
  for (const name of await machine.disk.list(directory)) machine.disk.damage(`${directory}/${name}`, 300);
  const second = await join(world, first, "m2");
  assert.equal(await text(second, "k4"), "119");
});

test("changes that make no sense are refused and change nothing", async (t) => {
  const world = new World(t);
  const [first, second] = await world.begin(3);
  assert(first && second);
  const before = await first.members({ linearizable: true });
  const nobody = 5n as MemberId;
  await assert.rejects(second.removeMember(nobody), { code: "MEMBER_NOT_FOUND" });
  await assert.rejects(second.promoteMember(nobody), { code: "MEMBER_NOT_FOUND" });
  await assert.rejects(second.promoteMember(first.memberId), { code: "MEMBER_NOT_LEARNER" });
  await assert.rejects(second.updateMember(nobody, ["http://127.0.0.1:1"]), { code: "MEMBER_NOT_FOUND" });
  await assert.rejects(
    second.updateMember(first.memberId, before.find(({ id }) => id === second.memberId)?.peerUrls ?? []),
    {
      code: "PEER_URLS_EXIST",
    },
  );
  await assert.rejects(
    settled(() => first.addMember(before[0]?.peerUrls ?? [], { learner: false })),
    { code: "PEER_URLS_EXIST" },
  );
  assert.deepEqual(await first.members({ linearizable: true }), before);
});

test("of many changes at once each has its own outcome, the same on every member", async (t) => {
  const world = new World(t);
  const replicas = await world.begin(3);
  await settled(() => replicas[0]?.addMember(["http://127.0.0.1:1"], { learner: true }) ?? Promise.reject());
  const learner = (await replicas[0]?.members({ linearizable: true }))?.find((one) => one.learner);
  assert(learner);
  const outcomes = await Promise.allSettled(
    [...replicas, ...replicas].map((replica) => replica.removeMember(learner.id)),
  );
  const refused = outcomes.filter((outcome) => outcome.status === "rejected");
  assert.equal(refused.length, outcomes.length - 1, "one removes it");
  for (const { reason } of refused) assert.equal(reason.code, "MEMBER_NOT_FOUND");
  const lists = await Promise.all(replicas.map((replica) => replica.members({ linearizable: true })));
  for (const list of lists) assert.deepEqual(list, lists[0]);
});

test("a member that nobody has added, or that has lost its data, does not start", async (t) => {
  const world = new World(t);
  const [first] = await world.begin(1);
  assert(first);
  const config = await world.newcomer("m2");
  await assert.rejects(world.start(config), /no listed peer knows this member.*member add m2/s);
  await join(world, first, "m3");
  const { config: known } = world.running.get("m3") as Running;
  const [port = 0] = await freePorts(1);
  const elsewhere = { ...known, directory: "/lost", listenPeer: { host: "127.0.0.1", port } };
  await assert.rejects(
    openReplica({ platform: new Machine().platform, config: elsewhere, log: quietLog }),
    /has started before, and its data is not in \/lost/,
  );
});
