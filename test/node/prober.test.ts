import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Probe } from "../../src/node/process/pod.ts";
import { Prober } from "../../src/node/process/probes/prober.ts";
import { ProbeTally } from "../../src/node/process/probes/tally.ts";
import { settle } from "../client/world.ts";
import { ManualClock } from "../storage/manual-clock.ts";

test("a probe says what its threshold of answers in a row say", () => {
  const tally = new ProbeTally({ success: 2, failure: 3 });
  const seen = [true, true, false, false, true, false, false, false].map((answer) => tally.observe(answer));
  assert.deepEqual(seen, [undefined, true, undefined, undefined, undefined, undefined, undefined, false]);
});

function watch(container: Partial<Container>, answers: (probe: Probe) => boolean) {
  const clock = new ManualClock();
  const said: string[] = [];
  const asked: string[] = [];
  const prober = new Prober({
    clock,
    container: { name: "c", ...container },
    runsForMs: 0,
    alreadyStarted: false,
    check: async (probe) => {
      asked.push(`${probe.grpc?.service} ${clock.monotonic()}`);
      return { succeeded: answers(probe), output: "" };
    },
    onStarted: () => said.push(`started ${clock.monotonic()}`),
    onReady: (ready) => said.push(`${ready ? "ready" : "unready"} ${clock.monotonic()}`),
    onUnhealthy: (kind) => said.push(`${kind} ${clock.monotonic()}`),
    onFailure: () => {},
  });
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds * 2; i++) {
      await settle(2);
      clock.advance(500);
    }
    await settle(2);
  };
  return { prober, said, asked, pass };
}

const probe = (service: string, rest: Partial<Probe> = {}): Probe => ({
  grpc: { port: 1, service },
  periodSeconds: 1,
  ...rest,
});

test("liveness and readiness wait for the startup probe", async () => {
  let up = false;
  const { prober, said, asked, pass } = watch(
    {
      startupProbe: probe("s", { failureThreshold: 10 }),
      livenessProbe: probe("l"),
      readinessProbe: probe("r"),
    },
    ({ grpc }) => grpc?.service !== "s" || up,
  );
  await pass(2);
  assert.deepEqual(said, []);
  assert.deepEqual([...new Set(asked.map((one) => one[0]))], ["s"]);
  up = true;
  await pass(2);
  assert.match(String(said[0]), /^started/);
  assert.match(String(said[1]), /^ready/);
  prober.stop();
});

test("a container without probes is started and ready at once; one with a readiness probe when that says so", async () => {
  const bare = watch({}, () => true);
  assert.deepEqual(
    bare.said,
    ["started 0", "ready 0"].map((text) => text.replace("0", bare.said[0]?.slice(8) ?? "")),
  );
  const slow = watch({ readinessProbe: probe("r", { initialDelaySeconds: 3 }) }, () => true);
  const begin = Number(slow.said[0]?.slice(8));
  await slow.pass(5);
  assert.deepEqual(slow.said.slice(1)[0], `ready ${begin + 3_000}`);
  slow.prober.stop();
});

test("a liveness probe that fails often enough asks once for a restart", async () => {
  const { said, asked, pass } = watch({ livenessProbe: probe("l", { failureThreshold: 3 }) }, () => false);
  await pass(8);
  assert.equal(said.filter((text) => text.startsWith("Liveness")).length, 1);
  assert.equal(asked.length, 3);
});
