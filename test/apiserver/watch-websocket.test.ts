import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { createClient } from "../../src/client/index.ts";
import { createHttpServer } from "../../src/h2/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openServer } from "./open-server.ts";

interface WatchEvent {
  readonly type: string;
  readonly object: { readonly kind: string; readonly metadata: { readonly name: string } };
}

test("a watch that asks for a WebSocket gets a message an event, until it goes", async () => {
  const { clock, network } = nodePlatform();
  const { server, close } = openServer();
  const http = createHttpServer({ clock, onRequest: server.callback, onUpgrade: server.upgrade });
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
    http.serve(connection),
  );
  const admin = { name: "admin", groups: ["system:masters", "system:authenticated"] };
  const client = createClient({ transport: server.transport(admin), userAgent: "test" });
  const namespaces = { group: "", version: "v1", resource: "namespaces" };
  try {
    await client.create(namespaces, { metadata: { name: "one" } });
    const socket = new WebSocket(`ws://127.0.0.1:${listener.port}/api/v1/namespaces?watch=true`, {
      headers: { authorization: "Bearer admin-token" },
    });
    const heard: WatchEvent[] = [];
    let wake: () => void = () => {};
    socket.on("message", (message: Buffer, isBinary: boolean) => {
      assert.equal(isBinary, false);
      heard.push(JSON.parse(message.toString()) as WatchEvent);
      wake();
    });
    const until = async (count: number) => {
      while (heard.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    await once(socket, "open");
    await until(1);
    await client.create(namespaces, { metadata: { name: "two" } });
    await until(2);
    assert.deepEqual(
      heard.map(({ type, object }) => `${type} ${object.kind} ${object.metadata.name}`),
      ["ADDED Namespace one", "ADDED Namespace two"],
    );
    socket.close();
    await once(socket, "close");
  } finally {
    await http.close({ graceMs: 0 });
    await listener.close();
    await close();
  }
});

test("who may not watch is refused before any WebSocket is made", async () => {
  const { clock, network } = nodePlatform();
  const { server, close } = openServer();
  const http = createHttpServer({ clock, onRequest: server.callback, onUpgrade: server.upgrade });
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
    http.serve(connection),
  );
  try {
    const socket = new WebSocket(`ws://127.0.0.1:${listener.port}/api/v1/secrets?watch=true`);
    const [, response] = await once(socket, "unexpected-response");
    assert.equal(response.statusCode, 403);
    response.destroy();
    socket.on("error", () => {});
    socket.terminate();
  } finally {
    await http.close({ graceMs: 0 });
    await listener.close();
    await close();
  }
});
