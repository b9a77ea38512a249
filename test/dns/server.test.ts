import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { after, before, suite, test } from "node:test";
import { silentLog } from "../../src/client/index.ts";
import { type DnsServer, startDnsServer } from "../../src/dns/index.ts";
import {
  addNamespace,
  addService,
  addSlice,
  createTrafficWorld,
  scopes,
  type TrafficWorld,
  until,
} from "../traffic/world.ts";
import { populate, questions } from "./cluster.ts";
import { dig, withoutDig } from "./dig.ts";

function serve(world: TrafficWorld, upstreams: { host: string; port: number }[] = []): Promise<DnsServer> {
  return startDnsServer({
    ...world,
    log: silentLog,
    zone: "cluster.local",
    listen: { host: "127.0.0.1", port: 0 },
    upstreams,
  });
}

suite("names of the cluster, asked by dig", { skip: withoutDig() }, () => {
  let world: TrafficWorld;
  let server: DnsServer;
  before(async () => {
    world = createTrafficWorld();
    await addNamespace(world, "default");
    await populate(world);
    server = await serve(world);
    await world.start();
  });
  after(async () => {
    world.stop();
    await server.close();
  });

  for (const [question, status, answers] of questions) {
    test(`${question} is ${status}${answers.length > 0 ? ` with ${answers.length}` : ""}`, async () => {
      const answer = await dig(server.port, ...question.split(" "));
      assert.equal(answer.status, status, answer.text);
      assert.deepEqual(answer.answers, answers);
      assert.ok(answer.flags.includes("aa"), "answers are authoritative");
      if (answers.length === 0)
        assert.deepEqual(answer.authority, ["SOA"], "a denial says how long to believe it");
      for (const ttl of answer.ttls) assert.equal(ttl, 5);
    });
  }

  test("the apex has SOA and NS, and the name server an address", async () => {
    const soa = await dig(server.port, "cluster.local", "SOA");
    assert.match(
      soa.answers[0] ?? "",
      /^cluster\.local\. SOA ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ 7200 1800 86400 5$/,
    );
    const ns = await dig(server.port, "cluster.local", "NS");
    assert.deepEqual(ns.answers, ["cluster.local. NS ns.dns.cluster.local."]);
    assert.deepEqual(ns.additional, ["ns.dns.cluster.local. A 127.0.0.1"]);
  });

  test("SRV answers bring the addresses along", async () => {
    const { additional } = await dig(server.port, "_sql._tcp.db.shop.svc.cluster.local", "SRV", "+tcp");
    assert.ok(additional.includes("db-0.db.shop.svc.cluster.local. A 127.128.0.1"));
    assert.ok(additional.includes("fd00--1-0.db.shop.svc.cluster.local. AAAA fd00::1:0"));
  });

  test("an alias of itself ends", async () => {
    const { status, answers } = await dig(server.port, "loop.default.svc.cluster.local", "A");
    assert.equal(status, "NOERROR");
    assert.ok(answers.length <= 9);
  });

  test("a name resolves the moment its Service is there, and its addresses follow the endpoints", async () => {
    const name = "fresh.default.svc.cluster.local";
    assert.equal((await dig(server.port, name)).status, "NXDOMAIN");
    await addService(world, "fresh", { clusterIP: "None", clusterIPs: ["None"], ports: [{ port: 80 }] });
    await addSlice(world, "fresh", {
      ports: [{ name: "", port: 80 }],
      endpoints: [{ addresses: ["127.128.7.1"] }],
    });
    await until("the name resolves", async () => (await dig(server.port, name)).answers.length === 1);
    await world.client.delete({ ...scopes.slices, namespace: "default" }, "fresh-1");
    await until("it is gone", async () => (await dig(server.port, name)).status === "NXDOMAIN");
  });

  test("what does not fit into a datagram is marked, and dig finds it over TCP", async () => {
    const endpoints = Array.from({ length: 200 }, (_, index) => ({ addresses: [`127.128.9.${index + 1}`] }));
    await addService(world, "many", { clusterIP: "None", clusterIPs: ["None"], ports: [{ port: 80 }] });
    await addSlice(world, "many", { ports: [{ name: "", port: 80 }], endpoints });
    const name = "many.default.svc.cluster.local";
    await until("all are there", async () => (await dig(server.port, name, "+tcp")).answers.length === 200);
    const plain = await dig(server.port, name, "+noedns", "+ignore");
    assert.ok(plain.flags.includes("tc"));
    // 12 of header, 35 of question, 16 for each address.
    assert.equal(plain.answers.length, Math.floor((512 - 12 - 35) / 16));
    const large = await dig(server.port, name, "+bufsize=4096", "+ignore");
    assert.ok(!large.flags.includes("tc"));
    assert.equal(large.answers.length, 200);
    const followed = await dig(server.port, name, "+bufsize=512");
    assert.equal(followed.answers.length, 200);
    assert.match(followed.text, /Truncated, retrying in TCP mode/);
  });

  test("several addresses come in turn", async () => {
    const first = new Set<string>();
    for (let asked = 0; asked < 6; asked++) {
      const { text } = await dig(server.port, "db.shop.svc.cluster.local", "+short");
      first.add(text.split("\n")[0] as string);
    }
    assert.equal(first.size, 3);
  });

  test("EDNS is answered with EDNS, an unknown version with BADVERS, other opcodes and classes refused", async () => {
    assert.match(
      (await dig(server.port, "web.default.svc.cluster.local", "+edns=0")).text,
      /EDNS: version: 0/,
    );
    assert.equal(
      (await dig(server.port, "web.default.svc.cluster.local", "+edns=1", "+noednsneg")).status,
      "BADVERS",
    );
    assert.doesNotMatch((await dig(server.port, "web.default.svc.cluster.local", "+noedns")).text, /EDNS/);
    assert.equal((await dig(server.port, "web.default.svc.cluster.local", "+opcode=2")).status, "NOTIMP");
    assert.equal((await dig(server.port, "-c", "CH", "version.bind", "TXT")).status, "REFUSED");
    assert.equal((await dig(server.port, "cluster.local", "AXFR", "+tcp")).status === "NOERROR", false);
  });

  test("names of others are refused where nobody is asked", async () => {
    assert.equal((await dig(server.port, "example.org")).status, "REFUSED");
  });

  test("a hundred queries on one TCP connection are all answered", async () => {
    const query = Buffer.from(
      "000101000001000000000000037765620764656661756c740373766307636c7573746572056c6f63616c0000010001",
      "hex",
    );
    const framed = Buffer.concat(
      Array.from({ length: 100 }, () => Buffer.concat([Buffer.of(0, query.length), query])),
    );
    const socket = connect(server.port, "127.0.0.1");
    socket.end(framed);
    let bytes = 0;
    for await (const chunk of socket) bytes += (chunk as Buffer).length;
    assert.equal(bytes, 100 * (2 + query.length + 16));
  });

  test("garbage is answered FORMERR or not at all, and disturbs nobody", async () => {
    const socket = createSocket("udp4");
    const codes: number[] = [];
    socket.on("message", (message) => codes.push((message[3] as number) & 15));
    const send = (bytes: Uint8Array): void => socket.send(bytes, server.port, "127.0.0.1");
    const header = (counts: string): string => `abcd0100${counts}`;
    const malformed = [
      `${header("0001000000000000")}c00c00010001`, // A pointer to itself.
      `${header("0001000000000000")}3f61`, // A label cut off.
      `${header("0002000000000000")}0000010001`, // Two questions, one there.
      `${header("0001000000000001")}0000010001c0`, // An additional record cut off.
      `${header("0001000000000000")}${"3f".padEnd(128, "61").repeat(5)}0000010001`, // A name too long.
      header("0000000000000000"),
    ];
    for (const text of malformed) send(Buffer.from(text, "hex"));
    send(Buffer.alloc(0));
    send(Buffer.from("abc"));
    send(Buffer.from("abcd8100000100000000000000000100010000", "hex")); // An answer.
    for (let seed = 1; seed <= 500; seed++) {
      send(
        Buffer.from(
          Array.from({ length: 1 + (seed % 90) }, (_, index) => (seed * 7919 + index * 104_729 * seed) & 255),
        ),
      );
    }
    await until(
      "malformed queries are answered",
      () => codes.filter((code) => code === 1).length >= malformed.length,
    );
    socket.close();
    assert.equal((await dig(server.port, "web.default.svc.cluster.local")).status, "NOERROR");
  });
});

suite("a server whose informers do not know the cluster yet", { skip: withoutDig() }, () => {
  test("fails rather than deny, and serves what it knew while the API is away", async () => {
    const world = createTrafficWorld();
    await addNamespace(world, "default");
    await populate(world);
    const server = await serve(world);
    try {
      for (const name of ["web.default.svc.cluster.local", "nothing.default.svc.cluster.local"])
        assert.equal((await dig(server.port, name)).status, "SERVFAIL");
      await world.start();
      assert.equal((await dig(server.port, "nothing.default.svc.cluster.local")).status, "NXDOMAIN");
      world.api.intercept = () => {
        throw new Error("connect ECONNREFUSED");
      };
      world.api.endWatches();
      assert.equal((await dig(server.port, "web.default.svc.cluster.local")).status, "NOERROR");
    } finally {
      world.stop();
      await server.close();
    }
  });
});

suite("names of others", { skip: withoutDig() }, () => {
  let upstreamWorld: TrafficWorld;
  let upstream: DnsServer;
  let world: TrafficWorld;
  let server: DnsServer;
  before(async () => {
    upstreamWorld = createTrafficWorld();
    await addService(upstreamWorld, "www", {
      clusterIP: "127.1.2.3",
      clusterIPs: ["127.1.2.3"],
      ports: [{ port: 80 }],
    });
    upstream = await startDnsServer({
      ...upstreamWorld,
      log: silentLog,
      zone: "example.org",
      listen: { host: "127.0.0.1", port: 0 },
      upstreams: [],
    });
    await upstreamWorld.start();
    world = createTrafficWorld();
    await addService(world, "far", { type: "ExternalName", externalName: "www.default.svc.example.org" });
    // The first one is nobody.
    server = await serve(world, [
      { host: "127.0.0.1", port: 9 },
      { host: "127.0.0.1", port: upstream.port },
    ]);
    await world.start();
  });
  after(async () => {
    for (const one of [world, upstreamWorld]) one.stop();
    await server.close();
    await upstream.close();
  });

  test("are found by another server, kept, and counted down", async () => {
    const name = "www.default.svc.example.org";
    const first = await dig(server.port, name, "+time=5");
    assert.deepEqual(first.answers, [`${name}. A 127.1.2.3`]);
    assert.ok(first.flags.includes("ra"));
    // The first server's silence is not waited for again: it comes from the cache, under the spelling asked for.
    const again = await dig(server.port, name.toUpperCase());
    assert.deepEqual(again.answers, [`${name.toUpperCase()}. A 127.1.2.3`]);
    assert.ok((again.ttls[0] as number) <= 5);
    const tcp = await dig(server.port, name, "+tcp");
    assert.deepEqual(tcp.answers, first.answers);
  });

  test("that do not exist are denied as that server does", async () => {
    const denied = await dig(server.port, "nothing.default.svc.example.org", "+time=5");
    assert.equal(denied.status, "NXDOMAIN");
    assert.deepEqual(denied.authority, ["SOA"]);
  });

  test("come with the alias of an ExternalName that leads to them", async () => {
    const { answers } = await dig(server.port, "far.default.svc.cluster.local", "A", "+time=5");
    assert.deepEqual(answers, [
      "far.default.svc.cluster.local. CNAME www.default.svc.example.org.",
      "www.default.svc.example.org. A 127.1.2.3",
    ]);
  });
});
