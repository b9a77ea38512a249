import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { type TestContext, test } from "node:test";
import tls from "node:tls";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { connectionOf, createHttpServer, type HttpServerOptions, resetCode } from "../../src/h2/index.ts";
import { type ListenOptions, nodePlatform } from "../../src/platform/index.ts";

const platform = nodePlatform();

/** Listens on a free port, serves with these handlers, and ends with the test. */
async function listen(
  t: TestContext,
  options: Omit<HttpServerOptions, "clock">,
  tlsOptions?: ListenOptions["tls"],
): Promise<{ port: number; server: ReturnType<typeof createHttpServer> }> {
  const server = createHttpServer({ clock: platform.clock, ...options });
  const listener = await platform.network.listen(
    { host: "127.0.0.1", port: 0, ...(tlsOptions ? { tls: tlsOptions } : {}) },
    (connection) => server.serve(connection),
  );
  t.after(async () => {
    await server.close({ graceMs: 0 });
    await listener.close();
  });
  return { port: listener.port, server };
}

const hello: HttpServerOptions["onRequest"] = (request, response) => {
  const body: Buffer[] = [];
  request.on("data", (chunk) => body.push(chunk));
  request.on("end", () => {
    response.setHeader("content-type", "text/plain");
    response.end(`${request.httpVersion} ${request.method} ${request.url} ${Buffer.concat(body)}`);
  });
};

async function request1(port: number, agent?: http.Agent): Promise<string> {
  const request = http.request({ port, path: "/x?y", method: "POST", ...(agent ? { agent } : {}) });
  request.end("body");
  const [response] = await once(request, "response");
  return text(response);
}

async function request2(session: http2.ClientHttp2Session): Promise<string> {
  const stream = session.request({ ":path": "/x?y", ":method": "POST" });
  stream.end("body");
  return text(stream);
}

async function text(readable: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test("one cleartext port serves HTTP/1.1 and HTTP/2 with prior knowledge", async (t) => {
  const { port } = await listen(t, { onRequest: hello });
  assert.equal(await request1(port), "1.1 POST /x?y body");
  const session = http2.connect(`http://127.0.0.1:${port}`);
  assert.equal(await request2(session), "2.0 POST /x?y body");
  session.close();
});

test("header lines of one name are there one by one, whatever the protocol", async (t) => {
  const { port } = await listen(t, {
    onRequest: ({ rawHeaders }, response) => {
      const groups = rawHeaders.filter(
        (_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === "x-group",
      );
      response.end(JSON.stringify(groups));
    },
  });
  const headers = { "x-group": ["a,b", "c"] };
  const [answer] = await once(http.get({ port, headers }), "response");
  assert.deepEqual(JSON.parse(await text(answer)), ["a,b", "c"]);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  assert.deepEqual(JSON.parse(await text(session.request(headers))), ["a,b", "c"]);
  session.close();
});

test("the preface is recognised when it comes byte by byte", async (t) => {
  const { port } = await listen(t, { onRequest: hello });
  const socket = net.connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  for (const byte of Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  const [answer] = await once(socket, "data");
  assert.equal(answer[3], 4, "a SETTINGS frame");
  socket.destroy();
});

test("ALPN chooses the protocol, and the handler sees the client's certificate on both", async (t) => {
  const authority = createAuthority("test", platform);
  const serving = issueCertificate(
    authority,
    { commonName: "server", ipAddresses: ["127.0.0.1"], usages: ["server"] },
    platform,
  );
  const client = issueCertificate(
    authority,
    { commonName: "alice", organizations: ["dev"], usages: ["client"] },
    platform,
  );
  const { port } = await listen(
    t,
    {
      onRequest: (request, response) => {
        const connection = connectionOf(request);
        response.end(`${request.httpVersion} ${connection?.peerCertificate?.commonName}`);
      },
    },
    { ...serving, ca: authority.cert, clientCertificate: "require", protocols: ["h2", "http/1.1"] },
  );
  const material = { ...client, ca: authority.cert };
  const session = http2.connect(`https://127.0.0.1:${port}`, material);
  assert.equal(await request2(session), "2.0 alice");
  session.close();
  const socket = tls.connect({ host: "127.0.0.1", port, ...material, ALPNProtocols: ["http/1.1"] });
  socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  assert.match(await text(socket), /1\.1 alice/);
});

test("a raw stream carries both directions, trailers and the client's half-close", async (t) => {
  const { port } = await listen(t, {
    onRequest: hello,
    onStream: (stream) => {
      if (stream.headers["content-type"] !== "application/grpc") return false;
      let size = 0;
      stream.receive({
        data: (chunk) => {
          size += chunk.length;
        },
        ended: () => {
          stream.respond({ ":status": "200" });
          stream.write(Buffer.from(`${stream.method} ${stream.path} ${size}`));
          stream.end({ "grpc-status": "0" });
        },
        closed: () => {},
      });
      return true;
    },
  });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": "/a/b", ":method": "POST", "content-type": "application/grpc" });
  stream.end(Buffer.alloc(3_000_000));
  const trailers = once(stream, "trailers");
  assert.equal(await text(stream), "POST /a/b 3000000");
  assert.equal((await trailers)[0]["grpc-status"], "0");
  assert.equal(await request2(session), "2.0 POST /x?y body", "other streams go to onRequest");
  session.close();
});

test("write answers false when the client does not read, and drain follows when it does", async (t) => {
  let writes = 0;
  const drained = Promise.withResolvers<void>();
  const { port } = await listen(t, {
    onRequest: hello,
    onStream: (stream) => {
      stream.receive({
        data: () => {},
        ended: () => {},
        drain: () => {
          drained.resolve();
          stream.end();
        },
        closed: () => {},
      });
      stream.respond({ ":status": "200" });
      while (stream.write(Buffer.alloc(100_000))) writes++;
      return true;
    },
  });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": "/", ":method": "POST" });
  await once(stream, "response");
  const received = text(stream);
  await drained.promise;
  assert.equal((await received).length, (writes + 1) * 100_000);
  session.close();
});

test("a stream that its client resets closes with that code, and writing to it afterwards does nothing", async (t) => {
  const closed = Promise.withResolvers<number>();
  const { port } = await listen(t, {
    onRequest: hello,
    onStream: (stream) => {
      stream.receive({
        data: () => {},
        ended: () => {},
        closed: (code) => {
          stream.write(Buffer.from("late"));
          stream.end({ "grpc-status": "0" });
          stream.reset(resetCode.cancel);
          closed.resolve(code);
        },
      });
      stream.respond({ ":status": "200" });
      stream.write(Buffer.from("first"));
      return true;
    },
  });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": "/", ":method": "POST" });
  await once(stream, "data");
  stream.close(http2.constants.NGHTTP2_CANCEL);
  assert.equal(await closed.promise, resetCode.cancel);
  session.close();
});

test("close lets a request finish, refuses new ones, and destroys what outlasts the grace", async (t) => {
  const waiting: (() => void)[] = [];
  const twoArrived = Promise.withResolvers<void>();
  const allArrived = Promise.withResolvers<void>();
  const { port, server } = await listen(t, {
    onRequest: (_request, response) => {
      waiting.push(() => response.end("done"));
      if (waiting.length === 2) twoArrived.resolve();
      if (waiting.length === 3) allArrived.resolve();
    },
  });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const agent = new http.Agent({ keepAlive: true });
  const finishing = [request1(port, agent), request2(session)];
  await twoArrived.promise;
  const stuck = request1(port, agent).then(
    () => "answered",
    () => "broken off",
  );
  await allArrived.promise;
  const ended = server.close({ graceMs: 300 });
  // At once: however busy the machine is, the grace is not over yet.
  waiting[0]?.();
  waiting[1]?.();
  waiting[2] = () => {};
  await assert.rejects(request1(port));
  const outcomes = await Promise.allSettled([...finishing, stuck, ended]);
  const texts = outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : "failed")).sort();
  assert.deepEqual(texts.slice(0, 3), ["broken off", "done", "done"]);
  assert.equal(server.connections, 0);
  agent.destroy();
});

test("a connection that says nothing, or drips a header without end, is closed", async (t) => {
  const { port, server } = await listen(t, { onRequest: hello, limits: { firstRequestMs: 50 } });
  for (const bytes of ["", "GET / HTTP/1.1\r\nx: ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]) {
    const socket = net.connect(port, "127.0.0.1");
    socket.write(bytes);
    socket.resume();
    await once(socket, "close");
  }
  while (server.connections > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("more connections than the bound are closed at once", async (t) => {
  const { port } = await listen(t, { onRequest: hello, limits: { connectionsMax: 1 } });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  assert.equal(await request2(session), "2.0 POST /x?y body");
  await assert.rejects(request1(port));
  assert.equal(await request2(session), "2.0 POST /x?y body");
  session.close();
});

test("headers over the bound are refused on both protocols", async (t) => {
  const { port } = await listen(t, { onRequest: hello, limits: { headerBytesMax: 8192 } });
  const headers = { "x-large": "x".repeat(20_000) };
  const request = http.request({ port, headers });
  request.end();
  const [response] = await once(request, "response");
  assert.equal(response.statusCode, 431);
  response.resume();
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const stream = session.request({ ":path": "/", ...headers });
  stream.on("error", () => {});
  let status = "none";
  stream.on("response", (fields) => {
    status = String(fields[":status"]);
  });
  stream.resume();
  await once(stream, "close");
  assert.equal(status, "431");
  session.destroy();
});
