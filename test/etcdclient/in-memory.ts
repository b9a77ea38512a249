import { duplexPair } from "node:stream";
import { after } from "node:test";
import { createEtcdApi } from "../../src/etcdapi/index.ts";
import { createEtcdClient, type EtcdClient } from "../../src/etcdclient/index.ts";
import { createHttpServer } from "../../src/h2/index.ts";
import type { Header, Kv } from "../../src/kv/index.ts";
import { type Connection, type Network, nodePlatform } from "../../src/platform/index.ts";
import { openStore } from "../etcdapi/store.ts";
import { quietLog as log } from "../replica/cluster.ts";
import type { MvccKv } from "../storage/mvcc-kv.ts";

const platform = nodePlatform();

/** A store behind etcd's API and our client, over streams in memory, until the test ends: every call goes through both engines. */
export function throughEtcdApi(kv: Kv, header: () => Header): EtcdClient {
  const { cluster: one, close } = openStore(platform.clock);
  // Of that store, only what it says of itself is wanted.
  close();
  const cluster = { ...one, header };
  const api = createEtcdApi({ kv, cluster, clock: platform.clock, log });
  const server = createHttpServer({ clock: platform.clock, ...api });
  const network: Network = {
    ...platform.network,
    async connect() {
      const [ours, theirs] = duplexPair();
      server.serve(connection(theirs));
      return connection(ours);
    },
  };
  const client = createEtcdClient({
    platform: { ...platform, network },
    endpoints: ["http://store:2379"],
    log,
  });
  after(async () => {
    client.close();
    api.close();
    await server.close({ graceMs: 0 });
  });
  return client;
}

/** What the store says of itself. */
export const headerOf = (kv: MvccKv) => (): Header =>
  ({ clusterId: 1n, memberId: 1n, revision: kv.mvcc.revision, term: 1 }) as unknown as Header;

const connection = (stream: Connection["stream"]): Connection => ({
  stream,
  protocol: "h2",
  peerCertificate: undefined,
  peerCertificateError: undefined,
  remoteAddress: "127.0.0.1:1",
});
