/** From settings to a member's configuration. What is wrong is thrown as Error, in etcd's words where scripts may know them. */
import type { StoreAddress, StoreConfig, Traffic } from "../../member/index.ts";
import type { Disk, Platform } from "../../platform/index.ts";
import { refuseUnsafe, type Settings } from "../flag-table.ts";
import { autoCompaction, quotaBytesOf } from "../store-values.ts";
import { discoveryOf } from "./discovery.ts";
import { flags } from "./flags.ts";
import { settingsOf } from "./settings.ts";
import { clientTls, peerTls } from "./tls.ts";
import { bindAddress, type ListUrl, parseUrls, placeOf } from "./urls.ts";

const electionMsMax = 50_000;
/** etcd's. */
const progressIntervalMsMin = 100;

/** @throws Error */
export async function storeConfigOf(settings: Settings, platform: Platform): Promise<StoreConfig> {
  refuseUnsafe(flags, settings, { here: "this store", instead: "etcd" });
  checkTimes(settings);
  const { disk } = platform;
  const name = settings.text("name");
  const directory = settings.text("data-dir") || `${name}.etcd`;
  const clientUrls = parseUrls("listen-client-urls", settings.text("listen-client-urls"));
  const httpUrls = parseUrls("listen-client-http-urls", settings.text("listen-client-http-urls"));
  const metricsUrls = parseUrls("listen-metrics-urls", settings.text("listen-metrics-urls"));
  const peerUrls = parseUrls("listen-peer-urls", settings.text("listen-peer-urls"));
  const [firstPeer, ...otherPeers] = peerUrls.map((url) => bindAddress("listen-peer-urls", url));
  if (firstPeer === undefined) throw new Error("--listen-peer-urls: there must be one at least");
  if (clientUrls.length === 0) throw new Error("--listen-client-urls: there must be one at least");
  const advertisedPeers = parseUrls(
    "initial-advertise-peer-urls",
    settings.text("initial-advertise-peer-urls"),
  ).map(({ text }) => text);
  const tls = await clientTls(settings, platform, directory, clientUrls);
  const split = httpUrls.length > 0;
  const taken = new Set(clientUrls.map(placeOf));
  const twice = httpUrls.find((url) => taken.has(placeOf(url)));
  if (twice !== undefined)
    throw new Error(
      `cannot bind both --listen-client-urls and --listen-client-http-urls on the same url ${twice.text}`,
    );
  const at = (flag: string, urls: readonly ListUrl[], traffic: Traffic): StoreAddress[] => {
    for (const url of urls)
      if (url.secure && tls === undefined)
        throw new Error(
          traffic === "metrics"
            ? "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url"
            : `TLS key/cert (--cert-file, --key-file) must be provided for client url ${url.text} with HTTPS scheme`,
        );
    // One listener a place: URLs with and without TLS that name the same one share it.
    return [...Map.groupBy(urls, placeOf).values()].flatMap((same) => {
      const [first] = same;
      if (first === undefined) return [];
      const plainToo = same.some(({ secure }) => !secure);
      const secure = tls !== undefined && same.some((url) => url.secure);
      return [{ ...bindAddress(flag, first), traffic, tls: secure ? { ...tls, plainToo } : undefined }];
    });
  };
  const walDirectory = settings.text("wal-dir");
  const quota = quotaBytesOf(settings.text("quota-backend-bytes"));
  const features = featuresOf(settings);
  const hasFeature = (wanted: string) => features.some(([name, , on]) => name === wanted && on);
  const discovery = await discoveryOf(settings, disk);
  // 0: as by default.
  const progressMs = newer(settings, "watch-progress-notify-interval");
  return {
    ...(discovery === undefined ? {} : { discovery }),
    replica: {
      name,
      directory,
      ...(walDirectory === "" ? {} : { walDirectory }),
      initialState: initialState(settings),
      initialMembers: initialMembers(settings, advertisedPeers),
      clusterToken: discovery?.token ?? settings.text("initial-cluster-token"),
      listenPeer: firstPeer,
      alsoListenPeer: otherPeers,
      tls: peerUrls.some(({ secure }) => secure)
        ? await peerTls(settings, platform, directory, peerUrls)
        : undefined,
      heartbeatMs: settings.number("heartbeat-interval"),
      electionMs: settings.number("election-timeout"),
      snapshotCount: settings.number("snapshot-count"),
      ...(quota === undefined ? {} : { quotaBytes: quota }),
      txnOpsMax: settings.number("max-txn-ops"),
      requestBytesMax: settings.number("max-request-bytes"),
      forceNewCluster: settings.boolean("force-new-cluster"),
      strictReconfiguration: settings.boolean("strict-reconfig-check"),
      learnersMax: settings.number("max-learners"),
      ...(progressMs > 0 ? { progressIntervalMs: Math.max(progressMs, progressIntervalMsMin) } : {}),
      corruptionCheckMs: newer(settings, "corrupt-check-time"),
      compactionCheckMs: hasFeature("CompactHashCheck") ? newer(settings, "compact-hash-check-time") : 0,
      access: await accessOf(settings, disk),
    },
    listen: [
      ...at("listen-client-urls", clientUrls, split ? "grpc" : "grpc+http"),
      ...at("listen-client-http-urls", httpUrls, "http"),
      ...at("listen-metrics-urls", metricsUrls, "metrics"),
    ],
    advertiseClientUrls: advertisedClients(settings),
    autoCompaction: autoCompaction(compactionMode(settings), settings.text("auto-compaction-retention")),
    checkBeforeServing: hasFeature("InitialCorruptCheck"),
    features,
    allowedOrigins: settings
      .text("cors")
      .split(",")
      .map((origin) => origin.trim())
      .filter((origin) => origin !== ""),
    slowCallMs: newer(settings, "warning-unary-request-duration"),
    trustCommonNames: settings.boolean("client-cert-auth"),
  };
}

/** Gates that mean something here, or that nothing here depends on: their stage, and whether they are on by themselves. */
const gates: Readonly<Record<string, { readonly stage: "ALPHA" | "BETA"; readonly on: boolean }>> = {
  AllAlpha: { stage: "ALPHA", on: false },
  AllBeta: { stage: "BETA", on: false },
  CompactHashCheck: { stage: "ALPHA", on: false },
  InitialCorruptCheck: { stage: "ALPHA", on: false },
  LeaseCheckpoint: { stage: "ALPHA", on: false },
  LeaseCheckpointPersist: { stage: "ALPHA", on: false },
  SetMemberLocalAddr: { stage: "ALPHA", on: false },
  StopGRPCServiceOnDefrag: { stage: "ALPHA", on: false },
  TxnModeWriteWithSharedBuffer: { stage: "BETA", on: true },
};

/** `--feature-gates=InitialCorruptCheck=true`, or the earlier form of a gate's flag. */
function featuresOf(settings: Settings): StoreConfig["features"] {
  const on = new Map(Object.entries(gates).map(([name, gate]) => [name, gate.on]));
  if (settings.boolean("experimental-initial-corrupt-check")) on.set("InitialCorruptCheck", true);
  if (settings.boolean("experimental-compact-hash-check-enabled")) on.set("CompactHashCheck", true);
  for (const part of settings.text("feature-gates").split(",")) {
    if (part.trim() === "") continue;
    const [name = "", value = ""] = part.trim().split("=");
    if (!on.has(name)) throw new Error(`--feature-gates: unrecognized feature gate: ${name}`);
    if (!/^(true|false)$/i.test(value)) throw new Error(`--feature-gates: missing bool value for ${name}`);
    on.set(name, value.toLowerCase() === "true");
  }
  return [...on].map(([name, enabled]) => [name, gates[name]?.stage ?? "ALPHA", enabled] as const);
}

/** Milliseconds under a flag's own name or its earlier one. */
function newer(settings: Settings, name: string): number {
  const earlier = `experimental-${name}`;
  if (settings.isSet(name) && settings.isSet(earlier))
    throw new Error(`cannot set --${earlier} and --${name} at the same time, please use --${name} only`);
  return settings.duration(settings.isSet(earlier) ? earlier : name);
}

function checkTimes(settings: Settings): void {
  const heartbeat = settings.number("heartbeat-interval");
  const election = settings.number("election-timeout");
  if (heartbeat === 0) throw new Error("--heartbeat-interval must be >0 (set to 0ms)");
  if (election === 0) throw new Error("--election-timeout must be >0 (set to 0ms)");
  if (5 * heartbeat > election)
    throw new Error(
      `--election-timeout[${election}ms] should be at least as 5 times as --heartbeat-interval[${heartbeat}ms]`,
    );
  for (const name of ["experimental-compact-hash-check-time", "compact-hash-check-time"])
    if (settings.duration(name) <= 0) throw new Error(`--${name} must be >0 (set to ${settings.text(name)})`);
  if (election > electionMsMax)
    throw new Error(
      `--election-timeout[${election}ms] is too long, and should be set less than ${electionMsMax}ms`,
    );
}

function initialState(settings: Settings): "new" | "existing" {
  const state = settings.text("initial-cluster-state");
  if (state !== "new" && state !== "existing") throw new Error(`unexpected clusterState "${state}"`);
  return state;
}

function compactionMode(settings: Settings): "periodic" | "revision" {
  const mode = settings.text("auto-compaction-mode");
  if (mode === "") throw new Error("undefined auto-compaction-mode");
  if (mode !== "periodic" && mode !== "revision") throw new Error(`unknown auto-compaction-mode "${mode}"`);
  return mode;
}

function advertisedClients(settings: Settings): string[] {
  if (settings.isSet("listen-client-urls") && !settings.isSet("advertise-client-urls"))
    throw new Error("--advertise-client-urls is required when --listen-client-urls is set explicitly");
  return parseUrls("advertise-client-urls", settings.text("advertise-client-urls")).map(({ text }) => text);
}

/** `a=http://1.2.3.4:2380,b=…`; a name that comes twice has two URLs. The member alone where the flag is missing. */
export function initialMembers(
  settings: Settings,
  advertised: readonly string[],
): StoreConfig["replica"]["initialMembers"] {
  const name = settings.text("name");
  const list = settings.text("initial-cluster") || advertised.map((url) => `${name}=${url}`).join(",");
  const urls = new Map<string, string[]>();
  for (const part of list.split(",")) {
    const [member = "", url = ""] = part.trim().split(/=(.*)/s);
    const [parsed] = parseUrls("initial-cluster", url);
    if (member === "" || parsed === undefined)
      throw new Error(`--initial-cluster: name=peer-url was expected: "${part}"`);
    urls.set(member, [...(urls.get(member) ?? []), parsed.text].sort());
  }
  const own = urls.get(name);
  if (own === undefined)
    throw new Error(`couldn't find local name "${name}" in the initial cluster configuration`);
  checkAdvertised(name, advertised, own);
  return [...urls].map(([member, peerUrls]) => ({ name: member, peerUrls }));
}

/** @throws Error in etcd's words where a member's own URLs are not those that the list has of it */
function checkAdvertised(name: string, advertised: readonly string[], listed: readonly string[]): void {
  const named = (urls: readonly string[]) => urls.map((url) => `${name}=${url}`).join(",");
  const unadvertised = listed.filter((url) => !advertised.includes(url));
  if (unadvertised.length > 0)
    throw new Error(
      `--initial-cluster has ${named(unadvertised)} but missing from --initial-advertise-peer-urls=${advertised.join(",")} (${howUrlsDiffer([...advertised].sort(), listed)})`,
    );
  const unlisted = advertised.filter((url) => !listed.includes(url));
  if (unlisted.length > 0)
    throw new Error(
      `--initial-advertise-peer-urls has ${unlisted.join(",")} but missing from --initial-cluster=${named(advertised)}`,
    );
}

/** Both sorted. */
function howUrlsDiffer(advertised: readonly string[], listed: readonly string[]): string {
  const quoted = (urls: readonly string[]) => `[${urls.map((url) => JSON.stringify(url)).join(" ")}]`;
  if (advertised.length !== listed.length) return `len(${quoted(advertised)}) != len(${quoted(listed)})`;
  const at = advertised.findIndex((url, i) => url !== listed[i]);
  return `resolved urls: ${JSON.stringify(advertised[at])} != ${JSON.stringify(listed[at])}`;
}

/** `simple`, or `jwt,pub-key=FILE,priv-key=FILE,sign-method=RS256,ttl=10m`. */
async function accessOf(
  settings: Settings,
  disk: Disk,
): Promise<NonNullable<StoreConfig["replica"]["access"]>> {
  const [type, ...options] = settings.text("auth-token").split(",");
  const common = {
    passwordCost: settings.number("bcrypt-cost"),
    tokenTtlSeconds: settings.number("auth-token-ttl"),
  };
  if (type === "simple") return common;
  const invalid = (why: string) => new Error(`--auth-token: auth: invalid auth options: ${why}`);
  if (type !== "jwt") throw invalid(`"${type}" is neither simple nor jwt`);
  const given = new Map<string, string>();
  for (const option of options) {
    const [name = "", value, ...rest] = option.split("=");
    if (value === undefined || rest.length > 0 || given.has(name)) throw invalid(option);
    given.set(name, value);
  }
  const method = given.get("sign-method");
  if (method === undefined) throw invalid("sign-method is missing");
  const file = async (name: string) => {
    const path = given.get(name);
    return path === undefined ? undefined : disk.readFile(path);
  };
  const [publicKey, privateKey] = [await file("pub-key"), await file("priv-key")];
  const ttlMs = settingsOf(new Map([["corrupt-check-time", given.get("ttl") ?? "5m"]])).duration(
    "corrupt-check-time",
  );
  if (ttlMs <= 0) throw invalid(`ttl=${given.get("ttl")}`);
  return {
    ...common,
    webTokens: {
      method,
      ttlSeconds: Math.ceil(ttlMs / 1000),
      ...(publicKey && { publicKey }),
      ...(privateKey && { privateKey }),
    },
  };
}
