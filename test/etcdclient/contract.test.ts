import { describe } from "node:test";
import { createEtcdApi } from "../../src/etcdapi/index.ts";
import { createEtcdClient } from "../../src/etcdclient/index.ts";
import { createHttpServer } from "../../src/h2/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { kvContract } from "../kv/contract.ts";
import { quietLog, startReplicas } from "../replica/cluster.ts";
import { missing, startEtcd } from "./real-etcd.ts";

const platform = nodePlatform();
const log = quietLog;

describe("over a real etcd", { skip: missing }, () => {
  kvContract("etcdclient with an external etcd", async () => {
    const [etcd] = await startEtcd();
    const client = createEtcdClient({ platform, endpoints: [etcd?.url ?? ""], log });
    await client.range({ key: new Uint8Array([1]) });
    return {
      doors: [client],
      async close() {
        client.close();
        await etcd?.close();
      },
    };
  });
});

kvContract("etcdclient with our own members", async () => {
  const cluster = await startReplicas(3);
  const served = await Promise.all(
    cluster.replicas.map(async (replica) => {
      const api = createEtcdApi({ kv: replica, cluster: replica, clock: platform.clock, log });
      const server = createHttpServer({ clock: platform.clock, ...api });
      const listener = await platform.network.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
        server.serve(connection),
      );
      return { api, listener };
    }),
  );
  const urls = served.map(({ listener }) => `http://127.0.0.1:${listener.port}`);
  // One door a member, and one that takes them in turn.
  const doors = [...urls.map((url) => [url]), urls].map((endpoints) =>
    createEtcdClient({ platform, endpoints, log }),
  );
  return {
    doors,
    async close() {
      for (const door of doors) door.close();
      for (const { api, listener } of served) {
        api.close();
        await listener.close();
      }
      await cluster.close();
    },
  };
});
