/** From settings to a configuration. What is wrong is thrown as Error, in kube-apiserver's words where scripts may know them. */
import type { ApiConfig, ExternalStore } from "../../main/index.ts";
import { servedAs } from "../api-flags/served.ts";
import type { ApiSettings } from "../api-flags/settings.ts";
import { defaults } from "../defaults.ts";
import { refuseUnsafe } from "../flag-table.ts";
import { frozenObjects } from "../mutation-detector.ts";
import { seedFile } from "../seed-file.ts";
import { checkFeatureGates } from "./feature-gates.ts";
import { flags } from "./flags.ts";
import { runtimeConfig } from "./runtime-config.ts";

const portMax = 65_535;

/** @throws Error */
export function apiConfigOf(settings: ApiSettings): ApiConfig & { readonly store: ExternalStore } {
  refuseUnsafe(flags, settings, { here: "this server", instead: "kube-apiserver" });
  checkFeatureGates(settings.text("feature-gates"));
  requireFlags(settings);
  const port = settings.number("secure-port");
  if (port < 1 || port > portMax)
    throw new Error(
      `--secure-port ${port} must be between 1 and 65535, inclusive. It cannot be turned off with 0`,
    );
  return {
    name: "kube-apiserver",
    api: { host: settings.text("bind-address"), port },
    ...tlsMinVersion(settings),
    ...advertised(settings),
    store: storeOf(settings),
    etcdPrefix: withSlash(settings.text("etcd-prefix")),
    serviceClusterIpRange: settings.text("service-cluster-ip-range"),
    ...servedAs(settings),
    watchSeconds: watchSeconds(settings),
    runtimeConfig: runtimeConfig(settings.list("runtime-config")),
    seedFile: seedFile(),
    // Controllers and nodes are other programs.
    controllers: "",
    podCidr: defaults.podCidr,
    nodeMonitorGraceMs: defaults.nodeMonitorGraceMs,
    terminatedPodThreshold: defaults.terminatedPodGcThreshold,
    frozenObjects,
    hollowNodes: 0,
  };
}

/** @throws Error */
function watchSeconds(settings: ApiSettings): number {
  const seconds = settings.number("min-request-timeout");
  if (seconds < 0) throw new Error("--min-request-timeout can not be negative value");
  return seconds;
}

function requireFlags(settings: ApiSettings): void {
  const problems: string[] = [];
  if (settings.list("etcd-servers").length === 0) problems.push("--etcd-servers must be specified");
  if (!settings.isSet("service-account-issuer")) problems.push("service-account-issuer is a required flag");
  if (!settings.isSet("service-account-key-file"))
    problems.push("either `--service-account-key-file` or `--service-account-signing-endpoint` must be set");
  if (!settings.isSet("service-account-signing-key-file") || !settings.isSet("service-account-issuer"))
    problems.push("--service-account-signing-key-file and --service-account-issuer are required flags");
  if (problems.length === 1) throw new Error(problems[0]);
  if (problems.length > 1) throw new Error(`[${problems.join(", ")}]`);
}

function tlsMinVersion(settings: ApiSettings): Pick<ApiConfig, "tlsMinVersion"> {
  switch (settings.text("tls-min-version")) {
    case "":
      return {};
    // Nothing older is spoken.
    case "VersionTLS10":
    case "VersionTLS11":
    case "VersionTLS12":
      return { tlsMinVersion: "TLSv1.2" };
    case "VersionTLS13":
      return { tlsMinVersion: "TLSv1.3" };
    default:
      throw new Error(`unknown tls version ${JSON.stringify(settings.text("tls-min-version"))}`);
  }
}

function advertised(settings: ApiSettings): Pick<ApiConfig, "advertise"> {
  const type = settings.text("endpoint-reconciler-type");
  if (!["lease", "master-count", "none"].includes(type))
    throw new Error(
      `--endpoint-reconciler-type must be one of [master-count lease none], found ${JSON.stringify(type)}`,
    );
  if (type === "none") return { advertise: "nowhere" };
  const address = settings.text("advertise-address");
  // Endpoints cannot be on loopback.
  return address === "" || address.startsWith("127.") ? {} : { advertise: address };
}

function storeOf(settings: ApiSettings): ExternalStore {
  const file = (flag: string) => settings.text(flag);
  const [caFile, certFile, keyFile] = [file("etcd-cafile"), file("etcd-certfile"), file("etcd-keyfile")];
  return {
    servers: settings.list("etcd-servers"),
    ...(caFile === "" ? {} : { caFile }),
    ...(certFile === "" ? {} : { certFile }),
    ...(keyFile === "" ? {} : { keyFile }),
    compactionIntervalMs: settings.duration("etcd-compaction-interval"),
  };
}

const withSlash = (prefix: string): string => `/${prefix.replace(/^\/+|\/+$/g, "")}`;
