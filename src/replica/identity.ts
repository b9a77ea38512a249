/** Which member of which cluster a directory belongs to: decided at the first start, checked at every other. */
import { join } from "node:path";
import { crc32c, fromUtf8, type MemberId, utf8 } from "../base/index.ts";
import type { Disk } from "../platform/index.ts";
import type { ReplicaConfig } from "./config.ts";
import { clusterIdOf, memberIdOf } from "./membership.ts";

export interface Identity {
  readonly clusterId: bigint;
  readonly memberId: MemberId;
  /** Of a member that joined: whom it speaks to until its log tells it who belongs to the cluster. */
  readonly peers?: readonly { readonly id: MemberId; readonly peerUrls: readonly string[] }[];
}

interface StoredIdentity {
  readonly clusterId: string;
  readonly memberId: string;
  readonly peers?: readonly { readonly id: string; readonly peerUrls: readonly string[] }[];
}

/** Whether a member has started on its directory before. */
export function hasStarted(disk: Disk, config: ReplicaConfig): Promise<boolean> {
  return disk.exists(identityPath(config));
}

/** Undefined at the first start. @throws Error that names the directory, whose it is, and the way out */
export async function readIdentity(disk: Disk, config: ReplicaConfig): Promise<Identity | undefined> {
  const path = identityPath(config);
  if (!(await hasStarted(disk, config))) return undefined;
  const stored = readStored(path, await disk.readFile(path));
  const idOf = (hex: string) => BigInt(`0x${hex}`) as MemberId;
  const identity: Identity = {
    clusterId: BigInt(`0x${stored.clusterId}`),
    memberId: idOf(stored.memberId),
    ...(stored.peers && { peers: stored.peers.map(({ id, peerUrls }) => ({ id: idOf(id), peerUrls })) }),
  };
  // An id that was given when it joined follows from no flag.
  if (identity.peers !== undefined || config.initialState === "existing") return identity;
  const expected = identityOf(config);
  for (const field of ["clusterId", "memberId"] as const) {
    if (identity[field] === expected[field]) continue;
    const what = field === "clusterId" ? "cluster" : "member";
    throw new Error(
      `data directory ${config.directory} belongs to ${what} ${stored[field]}, this member was started as ${what} ${expected[field].toString(16)}: ` +
        "use another --data-dir, or the --initial-cluster, --initial-cluster-token and --name it was made with",
    );
  }
  return identity;
}

/** @throws Error where it is not what was written. Files from before there were checksums have none. */
function readStored(path: string, content: Uint8Array): StoredIdentity {
  const [line = "", checksum] = fromUtf8(content).split("\n");
  try {
    if (checksum && checksum !== checksumOf(line)) throw new Error("its checksum is wrong");
    return JSON.parse(line) as StoredIdentity;
  } catch (error) {
    throw new Error(
      `${path} is damaged (${(error as Error).message}): remove this member from the cluster and add it anew with an empty data directory`,
      { cause: error },
    );
  }
}

function checksumOf(line: string): string {
  return `crc32c ${crc32c(utf8(line)).toString(16).padStart(8, "0")}`;
}

/** Written last at the first start: with it the directory is whole. */
export async function writeIdentity(disk: Disk, config: ReplicaConfig, identity: Identity): Promise<void> {
  const text = JSON.stringify({
    name: config.name,
    clusterId: identity.clusterId.toString(16),
    memberId: identity.memberId.toString(16),
    peers: identity.peers?.map(({ id, peerUrls }) => ({ id: id.toString(16), peerUrls })),
  });
  await disk.replaceFile(identityPath(config), utf8(`${text}\n${checksumOf(text)}\n`));
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

/** Where this one is reached; undefined where it is not among the initial members, which are named at the very first start only. */
export function ownPeerUrls({ name, initialMembers }: ReplicaConfig): readonly string[] | undefined {
  return initialMembers.find((member) => member.name === name)?.peerUrls;
}

/** Of one of the members that a cluster begins with. */
export function identityOf(config: ReplicaConfig): Identity {
  const members = initialMemberIds(config);
  const self = members.find(({ name }) => name === config.name);
  if (self === undefined) throw new Error(`member "${config.name}" is not among the initial members`);
  return { clusterId: clusterIdOf(members.map(({ id }) => id)), memberId: self.id };
}

function identityPath(config: ReplicaConfig): string {
  return join(config.directory, "member.json");
}
