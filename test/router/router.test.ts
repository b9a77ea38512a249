import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { silentLog } from "../../src/client/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { type Router, startEmbeddedDriver, startHaproxyDriver, startRouter } from "../../src/router/index.ts";
import { closeGraceMs } from "../../src/router/limits.ts";
import { freePort } from "../proxy/servers.ts";
import {
  addService,
  addSlice,
  createTrafficWorld,
  setEndpoints,
  type TrafficWorld,
  until,
} from "../traffic/world.ts";
import { startWebProgram, type WebProgram } from "./programs.ts";

const ingresses = { group: "networking.k8s.io", version: "v1", resource: "ingresses", namespace: "default" };

const routes = { group: "route.openshift.io", version: "v1", resource: "routes", namespace: "default" };

function withoutHaproxy(): string | false {
  if (process.env["CI"] === "true" || spawnSync("which", ["haproxy"]).status === 0) return false;
  return "haproxy is not installed (Debian: apt install haproxy)";
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

for (const driver of ["embedded", "haproxy"] as const) {
  const skip = driver === "haproxy" ? withoutHaproxy() : false;
  suite(`the router, ${driver}`, { skip: process.platform === "linux" ? skip : "needs all of 127/8" }, () => {
    const host = driver === "embedded" ? "127.97.51.1" : "127.97.52.1";
    const pod = (number: number): string => `127.129.${driver === "embedded" ? 51 : 52}.${number}`;
    let world: TrafficWorld;
    let router: Router;
    let directory: string;
    const programs: WebProgram[] = [];
    let closed = false;
    let port: number;
    let tlsPort: number;
    const events: string[] = [];

    before(async () => {
      directory = mkdtempSync(join(tmpdir(), "raftsman-router-"));
      world = createTrafficWorld();
      [port, tlsPort] = [await freePort(host), await freePort(host)];
      const first = await startWebProgram(pod(1));
      programs.push(first);
      for (const number of [2, 3]) programs.push(await startWebProgram(pod(number), first.port));
      await addService(world, "web", { clusterIP: "127.97.50.1", ports: [{ name: "http", port: 80 }] });
      await addSlice(world, "web", {
        ports: [{ name: "http", port: first.port }],
        endpoints: slice(programs),
      });
      const authority = makeCertificate();
      const secret = {
        type: "kubernetes.io/tls",
        metadata: { name: "web-tls" },
        data: { "tls.crt": base64(authority.cert), "tls.key": base64(authority.key) },
      };
      await world.client.create(
        { group: "", version: "v1", resource: "secrets", namespace: "default" },
        secret,
      );
      await ingress("web", {
        rules: [rule("web.example.org", "/"), rule("web.example.org", "/gone", "nobody")],
      });
      await ingress("tls", {
        tls: [{ hosts: ["tls.example.org"], secretName: "web-tls" }],
        rules: [rule("tls.example.org", "/")],
      });
      const listen = { http: { host, port }, https: { host, port: tlsPort } };
      const common = { log: silentLog, listen, defaultCertificate: authority };
      const platform = nodePlatform();
      router = await startRouter({
        ...world,
        log: silentLog,
        publishAddress: host,
        recorder: {
          event: (object, _type, reason, message) =>
            events.push(`${object.metadata.name} ${reason}: ${message}`),
          action: () => {},
          flush: async () => {},
        },
        startDriver: (endpointsOf) =>
          driver === "embedded"
            ? startEmbeddedDriver({ ...common, platform, endpointsOf, accessLog: false })
            : startHaproxyDriver({ ...common, machine: platform, directory, endpointsOf }),
      });
      await world.start();
      await router.ready;
    });
    after(async () => {
      world.stop();
      if (!closed) await router.close();
      await Promise.all(programs.map((program) => program.close()));
      rmSync(directory, { recursive: true, force: true });
    });

    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    const slice = (some: readonly WebProgram[]): object[] =>
      some.map(({ address }) => ({ addresses: [address], conditions: {} }));
    const rule = (name: string, path: string, service = "web"): object => ({
      host: name,
      http: {
        paths: [{ path, pathType: "Prefix", backend: { service: { name: service, port: { number: 80 } } } }],
      },
    });
    const ingress = (name: string, spec: object, annotations: Record<string, string> = {}) =>
      world.client.create(ingresses, {
        metadata: { name, annotations },
        spec: { ingressClassName: "raftsman", ...spec },
      });

    const route = (name: string, spec: object) => world.client.create(routes, { metadata: { name }, spec });

    /** The name in the certificate that is shown to who asks for this one. */
    const shown = (servername: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connectTls({ host, port: tlsPort, servername, rejectUnauthorized: false }, () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.end();
        });
        socket.on("error", () => resolve(""));
      });

    function ask(
      name: string,
      path: string,
      options: {
        method?: string;
        headers?: Record<string, string>;
        body?: Buffer;
        secure?: boolean;
        agent?: Agent;
      } = {},
    ): Promise<Answer> {
      const { method = "GET", headers = {}, body, secure = false, agent } = options;
      return new Promise((resolve, reject) => {
        const all = {
          host,
          port: secure ? tlsPort : port,
          path,
          method,
          headers: { host: name, ...headers },
          ...(agent === undefined ? {} : { agent }),
        };
        const handle = (response: import("node:http").IncomingMessage): void => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk) => {
            text += chunk;
          });
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
          );
        };
        const asked = secure
          ? httpsRequest({ ...all, agent: undefined, servername: name, rejectUnauthorized: false }, handle)
          : httpRequest(all, handle);
        asked.on("error", reject);
        asked.end(body);
      });
    }

    test("leads host and path to all ready endpoints, and says where a request comes from", async () => {
      const from = new Set<string>();
      for (let i = 0; i < 30; i++) {
        const { status, body } = await ask("web.example.org", `/a/${i}?q=1`, {
          headers: { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https" },
        });
        assert.equal(status, 200);
        const seen = JSON.parse(body);
        from.add(seen.from);
        assert.equal(seen.url, `/a/${i}?q=1`);
        assert.equal(seen.headers.host, "web.example.org");
        assert.match(seen.headers["x-forwarded-for"], /127\.0\.0\.1$|127\.97\.5\d\.1$/);
        assert.equal(seen.headers["x-forwarded-proto"], "http");
      }
      assert.equal(from.size, 3);
    });

    test("answers 503 for a host that nobody routes, and for a route without its Service, whose owner is told", async () => {
      assert.equal((await ask("nobody.example.org", "/")).status, 503);
      assert.equal((await ask("web.example.org", "/gone")).status, 200);
      await until("an event says so", () => events.length > 0);
      assert.deepEqual(events, [
        "web ServiceNotFound: rules[1].http.paths[0].backend: Service default/nobody does not exist",
      ]);
      await until("the status says so", () => {
        const status = world.api.get("ingresses", "default", "web")?.status as {
          loadBalancer?: { ingress?: { ip: string; ports: { error?: string }[] }[] };
        };
        const [place] = status?.loadBalancer?.ingress ?? [];
        return place?.ip === host && place.ports[0]?.error === "ServiceNotFound";
      });
      await until("the other's status has no error", () =>
        JSON.stringify(world.api.get("ingresses", "default", "tls")?.status ?? "").includes(
          `"ip":"${host}","ports":[{"port":${port},"protocol":"TCP"}`,
        ),
      );
    });

    test("streams a large body both ways", async () => {
      const body = Buffer.alloc(5 * 1024 * 1024, "0123456789abcdef");
      const { status, body: back } = await ask("web.example.org", "/echo", { method: "POST", body });
      assert.equal(status, 200);
      assert.equal(back.length, body.length);
      const chunked = await ask("web.example.org", "/echo", {
        method: "POST",
        body: Buffer.from("x".repeat(1000)),
        headers: { "transfer-encoding": "chunked" },
      });
      assert.equal(chunked.body.length, 1000);
    });

    test("passes half an answer on as half an answer", async () => {
      await assert.rejects(ask("web.example.org", "/cut", { method: "POST" }));
    });

    test("ends TLS with the Secret's certificate, over HTTP/1.1 and HTTP/2, and redirects plain requests", async () => {
      const { status, body } = await ask("tls.example.org", "/x", { secure: true });
      assert.equal(status, 200);
      assert.equal(JSON.parse(body).headers["x-forwarded-proto"], "https");
      const redirect = await ask("tls.example.org", "/x?y");
      assert.equal(redirect.status, 302);
      assert.equal(redirect.headers["location"], "https://tls.example.org/x?y");
      const session = connectHttp2(`https://${host}:${tlsPort}`, {
        servername: "tls.example.org",
        rejectUnauthorized: false,
      });
      const stream = session.request({ ":path": "/h2", ":authority": "tls.example.org" });
      let text = "";
      stream.setEncoding("utf8");
      for await (const chunk of stream) text += chunk;
      assert.equal(JSON.parse(text).url, "/h2");
      session.close();
    });

    test("carries WebSockets", async () => {
      const headers = {
        host: "web.example.org",
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
      };
      const asked = httpRequest({ host, port, path: "/ws", headers });
      const answered = new Promise<[import("node:http").IncomingMessage, import("node:net").Socket]>(
        (resolve, reject) => {
          asked.on("upgrade", (response, socket) => resolve([response, socket]));
          asked.on("response", ({ statusCode }) => reject(new Error(`answered ${statusCode}`)));
          asked.on("error", reject);
        },
      );
      asked.end();
      const [response, socket] = await answered;
      // RFC 6455, section 1.3.
      assert.equal(response.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
      // A masked text frame, "Hello" (RFC 6455, section 5.7).
      socket.write(Buffer.from("818537fa213d7f9f4d5158", "hex"));
      const [frame] = await new Promise<[Buffer]>((resolve) =>
        socket.once("data", (data) => resolve([Buffer.from(data)])),
      );
      assert.equal(frame.toString("hex"), "810548656c6c6f");
      socket.destroy();
    });

    test("keeps a client with its cookie at one endpoint where the Ingress asks for it", async () => {
      await ingress(
        "sticky",
        { rules: [rule("sticky.example.org", "/")] },
        { "router.raftsman.dev/sticky": "true" },
      );
      await until("it is routed", async () => (await ask("sticky.example.org", "/")).status === 200);
      const first = await ask("sticky.example.org", "/");
      const cookie = String(first.headers["set-cookie"]).split(";")[0] as string;
      const { from } = JSON.parse(first.body);
      for (let i = 0; i < 12; i++)
        assert.equal(
          JSON.parse((await ask("sticky.example.org", "/", { headers: { cookie } })).body).from,
          from,
        );
    });

    test("fails no request while endpoints come and go under load, and HAProxy is not reloaded for it", async () => {
      const reloads = driver === "haproxy" ? await workerPid(directory) : "";
      const agent = new Agent({ keepAlive: true, maxSockets: 16 });
      let stop = false;
      let sent = 0;
      const failures: string[] = [];
      const load = Promise.all(
        Array.from({ length: 8 }, async () => {
          while (!stop) {
            sent++;
            await ask("web.example.org", "/load", { agent }).then(
              ({ status }) => status === 200 || failures.push(String(status)),
              (error) => failures.push(String(error)),
            );
          }
        }),
      );
      for (const wanted of [
        programs.slice(0, 1),
        programs,
        programs.slice(1),
        programs.slice(0, 2),
        programs,
      ]) {
        await setEndpoints(world, "web-1", slice(wanted));
        await until("only they are asked", async () => {
          const before = programs.map((program) => program.served());
          await new Promise((resolve) => setTimeout(resolve, 50));
          return programs.every(
            (program, index) => wanted.includes(program) === program.served() > (before[index] as number),
          );
        });
      }
      await until("enough was sent to tell", () => sent > 200);
      stop = true;
      await load;
      agent.destroy();
      assert.deepEqual(failures, []);
      if (driver === "haproxy") {
        assert.equal(await workerPid(directory), reloads, "HAProxy was reloaded");
        // The file is written once the last change is said.
        await until("the file agrees with what runs", () => {
          const config = readFileSync(join(directory, "haproxy.config"), "utf8");
          const backend = /backend be_http:ing:default:web:0:0\n([\s\S]*?)(\n\n|$)/.exec(config)?.[1] ?? "";
          return programs.every(({ address }) => backend.includes(address));
        });
      }
    });

    test("answers GETs although an endpoint has died, before anybody said so", async () => {
      const dead = await startWebProgram(pod(9), (programs[0] as WebProgram).port);
      await setEndpoints(world, "web-1", slice([...programs, dead]));
      await until("it is asked", async () => {
        await ask("web.example.org", "/");
        return dead.served() > 0;
      });
      await dead.close();
      for (let i = 0; i < 40; i++) assert.equal((await ask("web.example.org", "/")).status, 200);
      await setEndpoints(world, "web-1", slice(programs));
    });

    test("fails no request when a node with most of the endpoints dies, before anybody said so", async () => {
      const { port: at } = programs[0] as WebProgram;
      const dying = await Promise.all(
        Array.from({ length: 8 }, (_, number) => startWebProgram(pod(20 + number), at)),
      );
      await setEndpoints(world, "web-1", slice([...programs, ...dying]));
      await until("all are asked", async () => {
        await ask("web.example.org", "/");
        return dying.every((one) => one.served() > 0);
      });
      const agent = new Agent({ keepAlive: true, maxSockets: 16 });
      const failures: string[] = [];
      const send = (method: string): Promise<unknown> =>
        ask("web.example.org", "/load", { method, agent, body: Buffer.from("x") }).then(
          ({ status }) => status === 200 || failures.push(`${method} ${status}`),
          (error) => failures.push(`${method} ${error}`),
        );
      // What is under way in one that dies can be asked again, if it is one of those.
      let dead = false;
      const load = Promise.all(
        Array.from({ length: 8 }, async () => {
          while (!dead) await send("PUT");
        }),
      );
      await Promise.all(dying.map((one) => one.close()));
      dead = true;
      await load;
      // Others are not sent twice: they must not be sent to where nobody is.
      for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 8 }, () => send("POST")));
      agent.destroy();
      assert.deepEqual(failures, []);
      await setEndpoints(world, "web-1", slice(programs));
    });

    test("a passthrough Route's TLS ends at the endpoint, with that one's certificate", async () => {
      const own = makeCertificate("inside.example.org");
      const inside = await startWebProgram(pod(21), 0, own);
      try {
        await addService(world, "inside", {
          clusterIP: "127.97.50.21",
          ports: [{ name: "https", port: 443 }],
        });
        await addSlice(world, "inside", {
          ports: [{ name: "https", port: inside.port }],
          endpoints: slice([inside]),
        });
        const to = { kind: "Service", name: "inside" };
        await route("inside", { host: "inside.example.org", to, tls: { termination: "passthrough" } });
        await route("subdomain", {
          host: "any.inside.example.org",
          wildcardPolicy: "Subdomain",
          to,
          tls: { termination: "passthrough", insecureEdgeTerminationPolicy: "Redirect" },
        });
        await route("again", { host: "again.example.org", to, tls: { termination: "reencrypt" } });
        for (const name of ["inside.example.org", "some.inside.example.org"]) {
          await until(`${name} is routed`, async () => (await shown(name)) === "inside.example.org");
          const { status, body } = await ask(name, "/in", { secure: true });
          assert.equal(status, 200);
          const seen = JSON.parse(body);
          assert.equal(seen.from, pod(21));
          assert.equal(seen.headers["x-forwarded-for"], undefined, "nobody has read it on the way");
        }
        assert.equal(await shown("tls.example.org"), "tls.example.org", "other names end here as before");
        assert.equal((await ask("inside.example.org", "/")).status, 503, "nobody here reads plain requests");
        assert.equal((await ask("some.inside.example.org", "/")).status, 302);
        // Reencrypt: TLS ends here, and begins again.
        await until("it is routed", async () => {
          const { status } = await ask("again.example.org", "/", { secure: true });
          return status === 200;
        });
        const { headers } = JSON.parse((await ask("again.example.org", "/", { secure: true })).body);
        assert.equal(headers["x-forwarded-proto"], "https");
        assert.equal(await shown("again.example.org"), "tls.example.org", "with the router's certificate");
      } finally {
        await inside.close();
      }
    });

    test("Routes share by weight, a Subdomain takes what nobody else has, and a younger one waits for its host", async () => {
      const other = await startWebProgram(pod(22));
      try {
        await addService(world, "other", { clusterIP: "127.97.50.22", ports: [{ name: "http", port: 80 }] });
        await addSlice(world, "other", {
          ports: [{ name: "http", port: other.port }],
          endpoints: slice([other]),
        });
        const web = { kind: "Service", name: "web", weight: 3 };
        const alternateBackends = [{ kind: "Service", name: "other", weight: 1 }];
        await route("shared", { host: "shared.example.org", to: web, alternateBackends });
        await route("wild", {
          host: "x.wild.example.org",
          wildcardPolicy: "Subdomain",
          to: { kind: "Service", name: "other" },
        });
        await route("exact", { host: "exact.wild.example.org", to: { kind: "Service", name: "web" } });
        const from = async (name: string): Promise<string> => {
          const { status, body } = await ask(name, "/");
          return status === 200 ? JSON.parse(body).from : "";
        };
        await until("they are routed", async () => (await from("exact.wild.example.org")) !== "");
        let seen = 0;
        for (let i = 0; i < 200; i++) if ((await from("shared.example.org")) === pod(22)) seen++;
        // 50 of 200 with a deviation of 6: six deviations either way.
        assert.ok(seen > 13 && seen < 87, `${seen} of 200 went to a quarter`);
        assert.equal(await from("a.wild.example.org"), pod(22));
        assert.notEqual(await from("exact.wild.example.org"), pod(22));
        assert.equal(await from("a.b.wild.example.org"), "", "one label and no more");
        await route("younger", { host: "x.wild.example.org", to: web });
        await route("shared-later", { host: "shared.example.org", to: { kind: "Service", name: "other" } });
        await until("the younger one is told", () =>
          events.some((event) =>
            event.startsWith("shared-later HostAlreadyClaimed: Route default/shared has"),
          ),
        );
        await until(
          "a host counts before a Subdomain",
          async () => ![pod(22), ""].includes(await from("x.wild.example.org")),
        );
        await world.client.delete(routes, "shared");
        await until("its turn has come", async () => {
          const answers = await Promise.all(Array.from({ length: 5 }, () => from("shared.example.org")));
          return answers.every((answer) => answer === pod(22));
        });
      } finally {
        await other.close();
      }
    });

    test("refuses what could be read in two ways", async () => {
      const raw = (text: string): Promise<string> =>
        new Promise((resolve) => {
          const socket = connect(port, host);
          let answer = "";
          socket.on("data", (chunk) => {
            answer += chunk;
          });
          socket.on("close", () => resolve(answer));
          socket.on("error", () => resolve(answer));
          socket.write(text);
          setTimeout(() => socket.end(), 300);
        });
      const before = programs.reduce((sum, program) => sum + program.served(), 0);
      const smuggled = "GET /smuggled HTTP/1.1\r\nhost: web.example.org\r\n\r\n";
      for (const fields of [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "content-length : 5\r\n",
        "transfer-encoding: xchunked\r\n",
      ])
        await raw(`POST / HTTP/1.1\r\nhost: web.example.org\r\n${fields}\r\n${smuggled}`);
      const seen = programs.flatMap((program) => program.requests.map(({ url }) => url));
      assert.ok(!seen.includes("/smuggled"), "a request was smuggled in");
      assert.ok(programs.reduce((sum, program) => sum + program.served(), 0) - before <= 1);
      assert.equal((await ask("web.example.org", "/")).status, 200);
      const twoHosts = await raw(
        "GET / HTTP/1.1\r\nhost: web.example.org\r\nhost: other.example.org\r\n\r\n",
      );
      assert.match(twoHosts, /^HTTP\/1\.1 400 /);
    });

    test("ends once no request is under way, whatever connections are kept", async () => {
      const agent = new Agent({ keepAlive: true });
      assert.equal((await ask("web.example.org", "/", { agent })).status, 200);
      const began = performance.now();
      await router.close();
      closed = true;
      agent.destroy();
      assert.ok(performance.now() - began < closeGraceMs, "it waited for connections that were only kept");
      await assert.rejects(ask("web.example.org", "/"));
    });
  });
}

/** A certificate for the name and its key. */
function makeCertificate(name = "tls.example.org"): { cert: string; key: string } {
  const { clock, random } = nodePlatform();
  const authority = createAuthority("test", { clock, random });
  return issueCertificate(
    authority,
    { commonName: name, dnsNames: [name], usages: ["server"] },
    { clock, random },
  );
}

function workerPid(directory: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(directory, "admin.sock"));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(/^Pid: (\d+)/m.exec(text)?.[1] ?? ""));
    socket.end("show info\n");
  });
}
