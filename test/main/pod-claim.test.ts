import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { claimPodNetworks, claimPodRange } from "../../src/main/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";

const skip = process.platform === "linux" ? false : "needs all of 127/8";
const machine = nodePlatform();
const ranges = ["127.170.0.0/16", "127.171.0.0/16"];

test("two clusters of one machine get different ranges of pod addresses, and a released one is given again", {
  skip,
}, async () => {
  const first = await claimPodRange(machine, ranges, { unused: true });
  const second = await claimPodRange(machine, ranges, { unused: true });
  assert.deepEqual([first.range, second.range], ranges);
  await assert.rejects(
    claimPodRange(machine, ranges, { unused: true }),
    /addresses out of each of 127\.170\.0\.0\/16 to 127\.171\.0\.0\/16 already.*--pod-cidr/,
  );
  await first.release();
  const third = await claimPodRange(machine, ranges, { unused: true });
  assert.equal(third.range, ranges[0]);
  await Promise.all([second.release(), third.release()]);
});

test("a range in which a killed cluster's program still listens is passed over, but its own cluster gets it back", {
  skip,
}, async () => {
  for (const [host, address] of [
    ["127.170.4.7", "IPv4"],
    ["::ffff:127.170.4.8", "mapped into IPv6"],
  ] as const) {
    const left = createServer();
    await new Promise<void>((resolve) => left.listen(0, host, resolve));
    const other = await claimPodRange(machine, ranges, { unused: true });
    assert.equal(other.range, ranges[1], address);
    const own = await claimPodRange(machine, ranges.slice(0, 1), { unused: false });
    assert.equal(own.range, ranges[0], address);
    await Promise.all([other.release(), own.release()]);
    await new Promise((resolve) => left.close(resolve));
  }
});

test("a range that is not this machine's is claimed by nobody", { skip }, async () => {
  for (let times = 0; times < 2; times++)
    assert.equal(
      (await claimPodRange(machine, ["203.0.113.0/24"], { unused: true })).range,
      "203.0.113.0/24",
    );
});

test("two clusters whose pods have networks of their own get different ranges, and none that the machine has a route into", {
  skip,
}, async () => {
  const networks = ["10.170.0.0/16", "10.171.0.0/16", "10.172.0.0/16"];
  const routes = [
    "Iface\tDestination\tGateway\tFlags",
    "eth0\t00000000\t0100000A\t0003",
    "rm-0aaa0200\t0002AA0A\t00000000\t0001",
  ];
  const files = { ...machine.files, read: async () => new Uint8Array(Buffer.from(routes.join("\n"))) };
  const routed = { ...machine, files };
  const first = await claimPodNetworks(routed, networks, { unused: true });
  const second = await claimPodNetworks(routed, networks, { unused: true });
  assert.deepEqual([first.range, second.range], networks.slice(1));
  await assert.rejects(
    claimPodNetworks(routed, networks, { unused: true }),
    /addresses out of each of 10\.170\.0\.0\/16 to 10\.172\.0\.0\/16 already.*--pod-cidr, such as 10\./,
  );
  // Its own pods are what the route leads to.
  const own = await claimPodNetworks(routed, networks.slice(0, 1), { unused: false });
  assert.equal(own.range, networks[0]);
  await Promise.all([first.release(), second.release(), own.release()]);
});
