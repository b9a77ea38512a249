/** What settings say about TLS, for clients and for peers: certificates, authorities, versions, cipher suites, and who is turned away. */
import { join } from "node:path";
import { fromUtf8 } from "../../base/index.ts";
import {
  autoTlsMaterial,
  certificateRules,
  readRevocationList,
  type StoreConfig,
} from "../../member/index.ts";
import type { Disk, ListenOptions, Platform } from "../../platform/index.ts";
import type { Settings } from "../flag-table.ts";
import { opensslCiphers } from "./cipher-suites.ts";
import type { ListUrl } from "./urls.ts";

type Tls = NonNullable<ListenOptions["tls"]>;
type PeerTls = StoreConfig["replica"]["tls"];

export async function clientTls(
  settings: Settings,
  platform: Platform,
  directory: string,
  urls: readonly ListUrl[],
): Promise<Tls | undefined> {
  const files = await materialOf(settings, platform.disk, "");
  const ca = files.ca;
  const demands = ca !== undefined || settings.boolean("client-cert-auth");
  const versions = tlsVersions(settings);
  const ciphers = ciphersOf(settings);
  const turnsAway = await rulesOf(settings, platform.disk, "client-");
  if (files.pair !== undefined)
    return {
      ...files.pair,
      ...(ca === undefined ? {} : { ca }),
      ...versions,
      ...ciphers,
      ...turnsAway,
      clientCertificate: demands ? "require" : "none",
    };
  if (!settings.boolean("auto-tls")) return undefined;
  const pair = await autoTlsMaterial(platform, join(directory, "fixtures", "client"), hostsOf(urls));
  return { ...pair, ...versions, ...ciphers, clientCertificate: "none" };
}

export async function peerTls(
  settings: Settings,
  platform: Platform,
  directory: string,
  urls: readonly ListUrl[],
): Promise<PeerTls> {
  const { pair, ca } = await materialOf(settings, platform.disk, "peer-");
  const demands = ca !== undefined || settings.boolean("peer-client-cert-auth");
  const ciphers = ciphersOf(settings);
  if (pair !== undefined)
    return {
      ...pair,
      ...(ca === undefined ? {} : { ca }),
      ...ciphers,
      ...(await callerOf(settings, platform.disk)),
      ...(await rulesOf(settings, platform.disk, "peer-")),
      clientCertificate: demands ? "require" : "none",
    };
  const [url] = urls.filter(({ secure }) => secure);
  if (!settings.boolean("peer-auto-tls"))
    throw new Error(
      `TLS key/cert (--peer-cert-file, --peer-key-file) must be provided for peer url ${url?.text} with HTTPS scheme`,
    );
  // As etcd's: nobody can check what every member made for itself.
  const made = await autoTlsMaterial(platform, join(directory, "fixtures", "peer"), hostsOf(urls));
  return { ...made, ...ciphers, clientCertificate: "none", unverified: true };
}

async function materialOf(
  settings: Settings,
  disk: Disk,
  prefix: "" | "peer-",
): Promise<{ pair: { cert: string; key: string } | undefined; ca: string | undefined }> {
  const pair = await pairOf(settings, disk, prefix);
  const ca = settings.text(`${prefix}trusted-ca-file`);
  return {
    pair,
    ca: ca === "" ? undefined : fromUtf8(await read(settings, disk, `${prefix}trusted-ca-file`)),
  };
}

async function pairOf(
  settings: Settings,
  disk: Disk,
  prefix: "" | "peer-" | "peer-client-",
): Promise<{ cert: string; key: string } | undefined> {
  const flags = [`${prefix}cert-file`, `${prefix}key-file`] as const;
  const given = flags.filter((flag) => settings.text(flag) !== "");
  if (given.length === 0) return undefined;
  if (given.length === 1)
    throw new Error(`--${flags[0]} and --${flags[1]}: KeyFile and CertFile must both be present`);
  const [cert, key] = await Promise.all(flags.map((flag) => read(settings, disk, flag)));
  return { cert: fromUtf8(cert as Uint8Array), key: fromUtf8(key as Uint8Array) };
}

async function read(settings: Settings, disk: Disk, flag: string): Promise<Uint8Array> {
  const path = settings.text(flag);
  try {
    return await disk.readFile(path);
  } catch (error) {
    throw new Error(`--${flag}: cannot read ${path}: ${(error as Error).message}`);
  }
}

function tlsVersions(settings: Settings): Pick<Tls, "minVersion" | "maxVersion"> {
  const version = (flag: string) => {
    const text = settings.text(flag);
    if (text === "TLS1.2") return "TLSv1.2";
    if (text === "TLS1.3") return "TLSv1.3";
    if (text === "") return undefined;
    throw new Error(`--${flag}: unexpected TLS version "${text}" (must be one of: TLS1.2, TLS1.3)`);
  };
  const minVersion = version("tls-min-version") ?? "TLSv1.2";
  const maxVersion = version("tls-max-version");
  if (maxVersion !== undefined && minVersion > maxVersion)
    throw new Error(`min version (${minVersion}) is greater than max version (${maxVersion})`);
  return { minVersion, ...(maxVersion === undefined ? {} : { maxVersion }) };
}

function hostsOf(urls: readonly ListUrl[]): string[] {
  return [...new Set(["localhost", "127.0.0.1", "::1", ...urls.map(({ host }) => host)])];
}

function ciphersOf(settings: Settings): Pick<Tls, "ciphers"> {
  const list = settings.list("cipher-suites");
  if (list.length === 0) return {};
  if (settings.text("tls-min-version") === "TLS1.3")
    throw new Error("cipher suites cannot be configured when only TLS1.3 is enabled");
  return { ciphers: opensslCiphers(list) };
}

/** Revoked certificates, and names that a certificate must have one of. */
async function rulesOf(
  settings: Settings,
  disk: Disk,
  prefix: "client-" | "peer-",
): Promise<Pick<Tls, "turnsAway">> {
  const crl = settings.text(`${prefix}crl-file`);
  const commonNames = prefix === "peer-" ? settings.list("peer-cert-allowed-cn") : [];
  const hostnames = settings.list(`${prefix}cert-allowed-hostname`);
  if (commonNames.length > 0 && hostnames.length > 0)
    throw new Error("AllowedCNs and AllowedHostnames are mutually exclusive");
  if (crl === "" && commonNames.length === 0 && hostnames.length === 0) return {};
  const revoked =
    crl === "" ? new Set<string>() : readRevocationList(await read(settings, disk, `${prefix}crl-file`));
  return { turnsAway: certificateRules({ commonNames, hostnames, revoked }) };
}

async function callerOf(settings: Settings, disk: Disk): Promise<Pick<NonNullable<PeerTls>, "caller">> {
  const pair = await pairOf(settings, disk, "peer-client-");
  return pair === undefined ? {} : { caller: pair };
}
