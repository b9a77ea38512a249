/**
 * What a new cluster has before anybody asked for anything, written as it stands in the store: the build starts a server once and
 * keeps what it made of namespaces, ServiceAccounts, roles, flow control and priority classes (scripts/build-seed.ts), for making them one by one takes a
 * third of a start. Whoever keeps these objects still looks at each, and makes those that are missing: without the file, all of them.
 */
import { formatTime } from "../../apimachinery/index.ts";
import { fromUtf8, noLease, type Revision, utf8 } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import type { Platform } from "../../platform/index.ts";

/** In place of what is each cluster's own. */
export const seedPlaceholders = { uid: "@uid@", time: "@time@" };

/** Operations of one transaction; etcd takes 128 unless told otherwise. */
const putsPerTxn = 100;

export interface SeedEntry {
  /** Below the prefix of the resource API. */
  readonly key: string;
  /** JSON with placeholders. */
  readonly value: string;
}

/** Writes the seed into a store that has nothing below `prefix`. False: there is no seed, or somebody was first. */
export async function plantSeed(options: {
  readonly kv: Kv;
  readonly platform: Platform;
  readonly file: string | undefined;
  /** Of the resource API's keys, without a slash at the end. */
  readonly prefix: string;
}): Promise<boolean> {
  const { kv, platform, file, prefix } = options;
  if (file === undefined || !(await platform.disk.exists(file))) return false;
  const entries = JSON.parse(fromUtf8(await platform.disk.readFile(file))) as SeedEntry[];
  const now = formatTime(platform.clock.now());
  for (let from = 0; from < entries.length; from += putsPerTxn) {
    const part = entries.slice(from, from + putsPerTxn).map(({ key, value }) => ({
      key: utf8(`${prefix}${key}`),
      value: utf8(
        value.replaceAll(seedPlaceholders.time, now).replaceAll(seedPlaceholders.uid, platform.random.uuid()),
      ),
    }));
    const [first] = part;
    if (first === undefined) break;
    const { succeeded } = await kv.txn({
      compare: [{ key: first.key, target: "mod", result: "equal", revision: 0 as Revision }],
      success: part.map(({ key, value }) => ({ type: "put", key, value, lease: noLease })),
      failure: [],
    });
    if (!succeeded) return false;
  }
  return true;
}
