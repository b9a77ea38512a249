/** Which member of which cluster a directory belongs to: decided at the first start, checked at every other. */
import { join } from "node:path";
import { fromUtf8, type MemberId, utf8 } from "../base/index.ts";
import type { Disk } from "../platform/index.ts";
import type { ReplicaConfig } from "./config.ts";
import { clusterIdOf, memberIdOf } from "./membership.ts";

export interface Identity {
  readonly clusterId: bigint;
  readonly memberId: MemberId;
}

/** @throws Error that names the directory, whose it is, and the way out */
export async function readIdentity(
  disk: Disk,
  config: ReplicaConfig,
): Promise<Identity & { fresh: boolean }> {
  const expected = identityOf(config);
  const path = identityPath(config);
  if (!(await disk.exists(path))) return { ...expected, fresh: true };
  const stored = JSON.parse(fromUtf8(await disk.readFile(path))) as Record<"clusterId" | "memberId", string>;
  const identity = {
    clusterId: BigInt(`0x${stored.clusterId}`),
    memberId: BigInt(`0x${stored.memberId}`) as MemberId,
  };
  for (const field of ["clusterId", "memberId"] as const) {
    if (identity[field] === expected[field]) continue;
    const what = field === "clusterId" ? "cluster" : "member";
    throw new Error(
      `data directory ${config.directory} belongs to ${what} ${stored[field]}, this member was started as ${what} ${expected[field].toString(16)}: ` +
        "use another --data-dir, or the --initial-cluster, --initial-cluster-token and --name it was made with",
    );
  }
  return { ...identity, fresh: false };
}

/** Written last at the first start: with it the directory is whole. */
export async function writeIdentity(disk: Disk, config: ReplicaConfig, identity: Identity): Promise<void> {
  const text = JSON.stringify({
    name: config.name,
    clusterId: identity.clusterId.toString(16),
    memberId: identity.memberId.toString(16),
  });
  await disk.replaceFile(identityPath(config), utf8(`${text}\n`));
}

export function initialMemberIds(
  config: ReplicaConfig,
): { name: string; id: MemberId; peerUrls: readonly string[] }[] {
  return config.initialMembers.map(({ name, peerUrls }) => ({
    name,
    peerUrls,
    id: memberIdOf(peerUrls, config.clusterToken),
  }));
}

function identityOf(config: ReplicaConfig): Identity {
  const members = initialMemberIds(config);
  const self = members.find(({ name }) => name === config.name);
  if (self === undefined) throw new Error(`member "${config.name}" is not among the initial members`);
  return { clusterId: clusterIdOf(members.map(({ id }) => id)), memberId: self.id };
}

function identityPath(config: ReplicaConfig): string {
  return join(config.directory, "member.json");
}
