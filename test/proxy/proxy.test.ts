import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { after, afterEach, before, suite, test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { silentLog } from "../../src/client/index.ts";
import { type ServiceProxy, startProxy } from "../../src/proxy/index.ts";
import {
  addService,
  addSlice,
  createTrafficWorld,
  scopes,
  setEndpoints,
  type TrafficWorld,
  until,
} from "../traffic/world.ts";
import { ask, freePort, type Program, startTcpProgram, startUdpProgram } from "./servers.ts";

/** Of this file, so that files that run at the same time do not meet. */
const clusterIp = "127.97.41.1";
const pod = (number: number): string => `127.129.41.${number}`;

suite("a Service's address", { skip: process.platform === "linux" ? false : "needs all of 127/8" }, () => {
  let world: TrafficWorld;
  let proxy: ServiceProxy;
  const events: string[] = [];
  const programs: { close(): Promise<void> }[] = [];
  let port: number;

  before(async () => {
    world = createTrafficWorld();
    port = await freePort(clusterIp);
    proxy = startProxy({
      ...world,
      log: silentLog,
      nodeNames: ["here"],
      nodePortHosts: [clusterIp],
      recorder: {
        event: (_object, _type, reason, message) => events.push(`${reason}: ${message}`),
        action: () => {},
        flush: async () => {},
      },
    });
    await world.start();
    await proxy.ready;
  });
  after(async () => {
    world.stop();
    await proxy.close({ graceMs: 100 });
  });
  afterEach(async () => {
    for (const kind of ["services", "slices"] as const)
      for (const object of world.api.all(kind === "services" ? "services" : "endpointslices"))
        await world.client.delete({ ...scopes[kind], namespace: "default" }, object.metadata.name as string);
    await until("nothing is listened on", () => proxy.listening().length === 0);
    await Promise.all(programs.splice(0).map((program) => program.close()));
  });

  async function start<P extends { close(): Promise<void> }>(starting: Promise<P>): Promise<P> {
    const program = await starting;
    programs.push(program);
    return program;
  }
  const listening = (key: string) => until(`${key} is listened on`, () => proxy.listening().includes(key));
  const slice = (programs: readonly Pick<Program, "address">[], conditions: object = {}): object[] =>
    programs.map(({ address }) => ({ addresses: [address], conditions, nodeName: "here" }));
  /** A Service over programs that all listen on one port. */
  async function serviceOver(count: number, spec: object = {}): Promise<Program[]> {
    const first = await start(startTcpProgram(pod(1)));
    const all = [first];
    for (let number = 2; number <= count; number++)
      all.push(await start(startTcpProgram(pod(number), first.port)));
    await addSlice(world, "web", {
      ports: [{ name: "", protocol: "TCP", port: first.port }],
      endpoints: slice(all),
    });
    await addService(world, "web", {
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ports: [{ protocol: "TCP", port }],
      ...spec,
    });
    await listening(`TCP ${clusterIp}:${port}`);
    return all;
  }

  test("leads to all its endpoints, with the ends of both directions kept apart", async () => {
    const programs = await serviceOver(3);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => ask(clusterIp, port, `line ${i}\n`)),
    );
    for (const [i, answer] of answers.entries())
      assert.match(answer, new RegExp(`^127\\.129\\.41\\.[123] line ${i}\\nbye\\n$`));
    for (const program of programs) assert.ok(program.served() > 0, `${program.address} was never asked`);
  });

  test("gives nothing new to an endpoint that is taken away, and lets what is under way finish", async () => {
    const [kept, removed] = (await serviceOver(2)) as [Program, Program];
    const held: Socket[] = [];
    while (removed.sockets.size === 0) {
      const socket = connect(port, clusterIp);
      held.push(socket);
      await new Promise((resolve) => socket.write("hello", resolve));
      await until("it has arrived", () => removed.sockets.size + kept.sockets.size >= held.length);
    }
    for (const state of [slice([removed], { ready: false, serving: true, terminating: true }), []]) {
      await setEndpoints(world, "web-1", [...slice([kept]), ...state]);
      await until("the proxy knows", async () => {
        const before = removed.served();
        await Promise.all(Array.from({ length: 20 }, () => ask(clusterIp, port, "x")));
        return removed.served() === before;
      });
      const before = removed.served();
      await Promise.all(Array.from({ length: 50 }, () => ask(clusterIp, port, "x")));
      assert.equal(removed.served(), before, "a connection went to an endpoint that was taken away");
    }
    for (const socket of held) {
      socket.setEncoding("utf8");
      const answer = new Promise<string>((resolve) => {
        let text = "";
        socket.on("data", (chunk) => {
          text += chunk;
          if (text.includes("still there")) resolve(text);
        });
      });
      socket.write("still there");
      assert.match(await answer, /still there/);
      socket.destroy();
    }
  });

  test("is not lost with one of its programs: the next endpoint is tried", async () => {
    const [alive, dead] = (await serviceOver(2)) as [Program, Program];
    await dead.close();
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(clusterIp, port, "x")));
    for (const answer of answers) assert.ok(answer.startsWith(alive.address));
  });

  test("is reset, not left hanging, while nothing serves it", async () => {
    await addService(world, "web", {
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ports: [{ protocol: "TCP", port }],
    });
    await listening(`TCP ${clusterIp}:${port}`);
    await assert.rejects(ask(clusterIp, port, "x"), { code: "ECONNRESET" });
  });

  test("passes a reset on, so that half an answer is not taken for a whole one", async () => {
    const [program] = (await serviceOver(1)) as [Program];
    const socket = connect(port, clusterIp);
    socket.write("x");
    await new Promise((resolve) => socket.once("data", resolve));
    for (const server of program.sockets) server.resetAndDestroy();
    const [error] = await new Promise<[Error & { code?: string }]>((resolve) =>
      socket.once("error", (e) => resolve([e])),
    );
    assert.equal(error.code, "ECONNRESET");
  });

  test("takes no more from a sender than its endpoint reads", async () => {
    const [program] = (await serviceOver(1)) as [Program];
    const socket = connect(port, clusterIp);
    await until("it stands", () => program.sockets.size === 1);
    for (const server of program.sockets) server.pause();
    const before = process.memoryUsage().arrayBuffers;
    let sent = 0;
    // What the kernel's buffers of three sockets take, and no more.
    while (sent < 256 * 1024 * 1024 && socket.write(Buffer.alloc(1024 * 1024))) sent += 1024 * 1024;
    for (let waited = 0; waited < 20 && socket.writableNeedDrain; waited++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.ok(socket.writableNeedDrain || sent < 64 * 1024 * 1024);
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
    socket.destroy();
  });

  test("keeps a client with session affinity at one endpoint", async () => {
    const programs = await serviceOver(3, {
      sessionAffinity: "ClientIP",
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    });
    await Promise.all(Array.from({ length: 5 }, () => ask(clusterIp, port, "x")));
    for (let i = 0; i < 20; i++) await ask(clusterIp, port, "x");
    assert.equal(programs.filter((program) => program.served() >= 20).length, 1);
  });

  test("with the external policy Local a node port leads to this node's endpoints, and its health check counts them", async () => {
    const [nodePort, healthPort] = [await freePort(clusterIp), await freePort(clusterIp)];
    const here = await start(startTcpProgram(pod(1)));
    const there = await start(startTcpProgram(pod(2), here.port));
    const endpoints = [...slice([here]), { addresses: [there.address], nodeName: "elsewhere" }];
    await addSlice(world, "web", { ports: [{ name: "", protocol: "TCP", port: here.port }], endpoints });
    await addService(world, "web", {
      type: "LoadBalancer",
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      externalTrafficPolicy: "Local",
      healthCheckNodePort: healthPort,
      ports: [{ protocol: "TCP", port, nodePort }],
    });
    await listening(`TCP ${clusterIp}:${nodePort}`);
    await listening(`TCP ${clusterIp}:${healthPort}`);
    for (let i = 0; i < 10; i++) assert.ok((await ask(clusterIp, nodePort, "x")).startsWith(here.address));
    const health = async (): Promise<[number, unknown]> => {
      const response = await fetch(`http://${clusterIp}:${healthPort}/healthz`);
      return [response.status, await response.json()];
    };
    const service = { namespace: "default", name: "web" };
    assert.deepEqual(await health(), [200, { service, localEndpoints: 1, serviceProxyHealthy: true }]);
    await setEndpoints(world, "web-1", endpoints.slice(1));
    await until("nothing here serves it", async () => (await health())[0] === 503);
    await assert.rejects(ask(clusterIp, nodePort, "x"));
  });

  test("carries datagrams, those of one client to one endpoint, the answers back to it", async () => {
    const one = await start(startUdpProgram(pod(1)));
    await addSlice(world, "dns", {
      ports: [{ name: "dns", protocol: "UDP", port: one.port }],
      endpoints: slice([one]),
    });
    await addService(world, "dns", {
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ports: [{ name: "dns", protocol: "UDP", port }],
    });
    await listening(`UDP ${clusterIp}:${port}`);
    const client = createSocket("udp4");
    const answers: string[] = [];
    client.on("message", (message, from) => answers.push(`${from.address} ${message}`));
    client.send("a", port, clusterIp);
    client.send("b", port, clusterIp);
    await until("both are answered", () => answers.length === 2);
    assert.deepEqual(
      answers.sort(),
      ["a", "b"].map((text) => `${clusterIp} ${one.address} ${text}`),
    );
    const two = await start(startUdpProgram(pod(2)));
    await world.client.update(
      { ...scopes.slices, namespace: "default" },
      {
        ...(world.api.get("endpointslices", "default", "dns-1") as KubeObject),
        ports: [{ name: "dns", protocol: "UDP", port: two.port }],
        endpoints: slice([two]),
      },
    );
    await until("the client's next datagram goes to the new endpoint", async () => {
      client.send("c", port, clusterIp);
      await new Promise((resolve) => setTimeout(resolve, 10));
      return answers.some((text) => text.includes(`${two.address} c`));
    });
    client.close();
  });

  test("that another program has is said so, and is taken when it is free", async () => {
    const squatter = await startTcpProgram(clusterIp, port);
    const one = await start(startTcpProgram(pod(1)));
    await addSlice(world, "web", {
      ports: [{ name: "", protocol: "TCP", port: one.port }],
      endpoints: slice([one]),
    });
    await addService(world, "web", {
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ports: [{ protocol: "TCP", port }],
    });
    await until("an event says why", () => events.length > 0);
    assert.deepEqual(events.splice(0), [
      `FailedToListen: another program listens on TCP ${clusterIp}:${port}: stop it, or change the Service's port`,
    ]);
    await squatter.close();
    await listening(`TCP ${clusterIp}:${port}`);
    assert.match(await ask(clusterIp, port, "x"), /^127\.129\.41\.1 x/);
  });

  test("that is not of this machine is said so", async () => {
    await addService(world, "far", {
      clusterIP: "203.0.113.7",
      clusterIPs: ["203.0.113.7"],
      ports: [{ protocol: "TCP", port: 8000 }],
    });
    await until("an event says why", () => events.length > 0);
    assert.match(
      events.splice(0)[0] ?? "",
      /203\.0\.113\.7 is no address of this machine: with --service-cluster-ip-range/,
    );
  });
});
