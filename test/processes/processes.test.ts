/**
 * What the simulator does to a world of its own, done to real processes, disks and networks. Quick here; ROUNDS=100 for the long form.
 * What needs root (a small disk, a bad network in a namespace of its own) is skipped with a message where it is not allowed.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { leaderOf, type MemberProcess, NoAnswerError, RefusedError, startProcesses } from "./cluster.ts";
import { openNamespace } from "./namespace.ts";

const rounds = Number(process.env["ROUNDS"] ?? 2);
const quick = { heartbeatMs: 50, electionMs: 500 };

/** Writes to whoever takes it until stopped; remembers what was acknowledged. */
class Writer {
  readonly acknowledged = new Map<string, string>();
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(members: readonly MemberProcess[], name: string) {
    this.#done = this.#run(members, name);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(members: readonly MemberProcess[], name: string): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const member = members[i % members.length] as MemberProcess;
      try {
        await member.put(`${name}-${i}`, `${i}`);
        this.acknowledged.set(`${name}-${i}`, `${i}`);
      } catch (error) {
        if (!(error instanceof NoAnswerError || error instanceof RefusedError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

async function mustBeThere(members: readonly MemberProcess[], writers: readonly Writer[]): Promise<number> {
  let count = 0;
  for (const { acknowledged } of writers)
    for (const [key, value] of acknowledged) {
      const member = members[count++ % members.length] as MemberProcess;
      assert.equal(await member.get(key), value, `${key} on ${member.config.name}`);
    }
  return count;
}

async function killLeaders(t: TestContext, members: readonly MemberProcess[], times: number): Promise<void> {
  const writers = [1, 2, 3].map((number) => new Writer(members, `w${number}`));
  for (let round = 0; round < times; round++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const leader = await leaderOf(members);
    await leader.kill();
    await leaderOf(members);
    await leader.start();
  }
  await Promise.all(writers.map((writer) => writer.stop()));
  const count = await mustBeThere(members, writers);
  assert.ok(count > 0);
  t.diagnostic(`${count} acknowledged writes are there after ${times} leaders were killed`);
}

test("leaders that are killed with kill -9 lose no acknowledged write", async (t) => {
  const { members, close } = await startProcesses(3, { ...quick, snapshotCount: 100, segmentBytes: 65_536 });
  t.after(close);
  await killLeaders(t, members, rounds);
});

test("a leader that stands still while another one leads answers nothing stale when it goes on", async (t) => {
  const { members, close } = await startProcesses(3, quick);
  t.after(close);
  for (let round = 0; round < rounds; round++) {
    const old = await leaderOf(members);
    await old.put("k", `before ${round}`);
    old.signal("SIGSTOP");
    const others = members.filter((member) => member !== old);
    const next = await leaderOf(others);
    await next.put("k", `after ${round}`);
    const asked = old.get("k");
    old.signal("SIGCONT");
    assert.equal(await asked, `after ${round}`);
    await old.put("k", `again ${round}`);
    assert.equal(await next.get("k"), `again ${round}`);
  }
});

test("a disk that fills up raises the alarm, ends nobody, and loses nothing", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-small-disk-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const disk = await openNamespace("mount", `mount -t tmpfs -o size=16m tmpfs ${directory}`);
  if (typeof disk === "string") return t.skip(`a small disk cannot be mounted here: ${disk}`);
  t.after(() => disk.close());
  const { members, close } = await startProcesses(
    1,
    {
      ...quick,
      directory,
      snapshotCount: 200,
      segmentBytes: 1024 * 1024,
      diskReserveBytes: 4 * 1024 * 1024,
    },
    disk.enter,
  );
  t.after(close);
  const [member] = members as [MemberProcess];
  const value = "x".repeat(8192);
  let written = 0;
  await assert.rejects(
    async () => {
      for (; ; written++) await member.put(`k${written}`, `${value}${written}`);
    },
    { code: "NO_SPACE" },
  );
  assert.deepEqual(await member.alarms(), ["NOSPACE"]);
  assert.ok(written > 100, `${written} writes`);
  for (let restarted = 0; restarted < 2; restarted++) {
    for (let i = 0; i < written; i += 37) assert.equal(await member.get(`k${i}`), `${value}${i}`);
    assert.equal(await member.get(`k${written - 1}`), `${value}${written - 1}`);
    await member.kill();
    await member.start();
  }
  const [command = "", ...enter] = disk.enter;
  assert.equal(spawnSync(command, [...enter, "mount", "-o", "remount,size=256m", directory]).status, 0);
  // The member looks at its disk every second.
  for (;;) {
    await member.disarm();
    const refused = await member.put("k", "room").then(
      () => false,
      (error: RefusedError) => error.code === "NO_SPACE",
    );
    if (!refused) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(await member.get("k"), "room");
});

test("on a slow network that loses packets, leaders that are killed lose no acknowledged write", async (t) => {
  const network = await openNamespace(
    "net",
    "ip link set lo up && tc qdisc add dev lo root netem delay 5ms 3ms loss 1%",
  );
  if (typeof network === "string") return t.skip(`there is no bad network to be had here: ${network}`);
  t.after(() => network.close());
  const { members, close } = await startProcesses(3, quick, network.enter);
  t.after(close);
  await killLeaders(t, members, Math.max(1, Math.floor(rounds / 2)));
});
