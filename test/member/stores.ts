/** Configurations of members that are the store alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { StoreConfig } from "../../src/member/index.ts";

export function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-member-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A socket in a directory, with a port's form behind it, as URLs of peers must have. */
export const socketIn = (directory: string, name: string): string => join(directory, `${name}:1`);

/** The member `name` of a cluster that listens on sockets in a directory only: `client-NAME:1` and `peer-NAME:1`. */
export function storeConfig(directory: string, name: string, names: readonly string[] = [name]): StoreConfig {
  const at = (socket: string) => ({ host: "", port: 0, path: socketIn(directory, socket) });
  const peerUrls = (of: string) => [`unix://${socketIn(directory, `peer-${of}`)}`];
  return {
    replica: {
      name,
      directory: join(directory, name),
      initialMembers: names.map((of) => ({ name: of, peerUrls: peerUrls(of) })),
      clusterToken: "test",
      listenPeer: at(`peer-${name}`),
      tls: undefined,
      heartbeatMs: 50,
      electionMs: 500,
      snapshotCount: 1000,
    },
    listen: [{ ...at(`client-${name}`), traffic: "grpc+http", tls: undefined }],
    advertiseClientUrls: [clientUrl(directory, name)],
    autoCompaction: undefined,
    checkBeforeServing: false,
    trustCommonNames: false,
    allowedOrigins: [],
    features: [],
  };
}

export function clientUrl(directory: string, name: string): string {
  return `unix://${socketIn(directory, `client-${name}`)}`;
}
