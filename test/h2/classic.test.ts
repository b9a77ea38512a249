import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { createHttpServer, type RequestHandler } from "../../src/h2/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";

/** A server with this handler and Node's client of it. */
async function serving(t: TestContext, onRequest: RequestHandler): Promise<http2.ClientHttp2Session> {
  const platform = nodePlatform();
  const server = createHttpServer({ clock: platform.clock, onRequest });
  const listener = await platform.network.listen({ host: "127.0.0.1", port: 0 }, (c) => server.serve(c));
  const session = http2.connect(`http://127.0.0.1:${listener.port}`);
  session.on("error", () => {});
  t.after(() => {
    session.destroy();
    return listener.close();
  });
  return session;
}

async function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer,
): Promise<{ headers: http2.IncomingHttpHeaders; body: Buffer }> {
  const stream = session.request(headers);
  stream.end(body);
  const [answer] = await once(stream, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { headers: answer, body: Buffer.concat(chunks) };
}

test("a body read by for await, and one piped back, come whole", async (t) => {
  const session = await serving(t, (request, response) => {
    if (request.url === "/pipe") request.pipe(response);
    else
      void (async () => {
        let length = 0;
        for await (const chunk of request) length += chunk.length;
        response.end(String(length));
      })();
  });
  const body = Buffer.alloc(5_000_000, "abc");
  assert.equal((await ask(session, { ":path": "/", ":method": "POST" }, body)).body.toString(), "5000000");
  assert.ok((await ask(session, { ":path": "/pipe", ":method": "POST" }, body)).body.equals(body));
});

test("setEncoding does not break a character that two frames share", async (t) => {
  const session = await serving(t, (request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (piece: string) => {
      text += piece;
    });
    request.on("end", () => response.end(text));
  });
  const body = Buffer.from("ä€𝄞".repeat(20_000));
  assert.ok((await ask(session, { ":path": "/", ":method": "POST" }, body)).body.equals(body));
});

test("fields: lists go as several, HTTP/1's own are dropped, the date is added, and HEAD, 204 and 304 have no body", async (t) => {
  const session = await serving(t, (request, response) => {
    response.setHeader("Connection", "close").setHeader("Warning", ["one", "two"]);
    response.writeHead(Number(request.headers["x-status"] ?? 200), {
      "Content-Type": "text/plain",
      "x-n": 7,
    });
    response.end("body");
  });
  const whole = await ask(session, { ":path": "/" });
  assert.equal(whole.body.toString(), "body");
  assert.equal(whole.headers["warning"], "one, two");
  assert.equal(whole.headers["x-n"], "7");
  assert.equal(whole.headers["connection"], undefined);
  assert.ok(Math.abs(Date.parse(String(whole.headers["date"])) - Date.now()) < 5000);
  for (const headers of [{ ":method": "HEAD" }, { "x-status": "204" }, { "x-status": "304" }]) {
    const answer = await ask(session, { ":path": "/", ...headers });
    assert.equal(answer.headers["content-type"], "text/plain");
    assert.equal(answer.body.length, 0);
  }
});

test("a writer that waits for 'drain' sends all, and 'finish' comes before 'close'", async (t) => {
  const events: string[] = [];
  const session = await serving(t, (_request, response) => {
    response.on("finish", () => events.push("finish"));
    response.on("close", () => events.push("close"));
    const chunks = Array.from({ length: 200 }, (_, i) => Buffer.alloc(50_000, i));
    Readable.from(chunks).pipe(response);
  });
  const { body } = await ask(session, { ":path": "/" });
  assert.equal(body.length, 10_000_000);
  assert.equal(body[9_999_999], 199);
  while (events.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(events, ["finish", "close"]);
});

test("a client that goes away in the middle is seen as 'aborted' and 'close', without 'finish'", async (t) => {
  const events: string[] = [];
  const closed = Promise.withResolvers<void>();
  const session = await serving(t, (request, response) => {
    request.on("aborted", () => events.push("aborted"));
    request.on("error", (error) => events.push((error as Error & { code: string }).code));
    request.on("data", () => session.destroy());
    response.on("finish", () => events.push("finish"));
    response.on("close", () => {
      events.push("close");
      assert.equal(response.destroyed, true);
      response.end("late");
      setImmediate(closed.resolve);
    });
  });
  const stream = session.request({ ":path": "/", ":method": "POST" });
  stream.on("error", () => {});
  stream.write("beginning");
  await closed.promise;
  assert.deepEqual(events.sort(), ["ECONNRESET", "aborted", "close"]);
});

test("an answer broken off is an error for the client, and expect: 100-continue is answered", async (t) => {
  const session = await serving(t, (_request, response) => {
    response.writeHead(200);
    response.write("part");
    response.once("close", () => {});
    setImmediate(() => response.destroy());
  });
  const stream = session.request({ ":path": "/", ":method": "POST", expect: "100-continue" });
  const told = once(stream, "continue");
  stream.resume();
  await told;
  await assert.rejects(once(stream, "end"), /NGHTTP2_INTERNAL_ERROR/);
});

test("a header value with a line break is refused before anything is sent", async (t) => {
  const session = await serving(t, (_request, response) => {
    assert.throws(() => response.writeHead(200, { "x-evil": "a\r\nb" }), TypeError);
    response.removeHeader("x-evil");
    response.end("fine");
  });
  assert.equal((await ask(session, { ":path": "/" })).body.toString(), "fine");
});
