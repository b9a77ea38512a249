/** From settings to a configuration. What is wrong is thrown as Error, in kube-apiserver's words where scripts may know them. */
import {
  type ApiConfig,
  type AuthorizationMode,
  authorizationModes,
  type ExternalStore,
} from "../../main/index.ts";
import { defaults } from "../defaults.ts";
import { refuseUnsafe } from "../flag-table.ts";
import { frozenObjects } from "../mutation-detector.ts";
import { seedFile } from "../seed-file.ts";
import type { ApiServerSettings } from "./arguments.ts";
import { auditOf } from "./audit.ts";
import { flags } from "./flags.ts";
import { oidcOf } from "./oidc.ts";

const portMax = 65_535;

/** @throws Error */
export function apiConfigOf(settings: ApiServerSettings): ApiConfig & { readonly store: ExternalStore } {
  refuseUnsafe(flags, settings, { here: "this server", instead: "kube-apiserver" });
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
    serviceNodePortRange: portRange(settings.text("service-node-port-range")),
    eventTtlSeconds: Math.round(settings.duration("event-ttl") / 1000),
    access: accessOf(settings),
    inFlight: {
      reads: limitOf(settings, "max-requests-inflight"),
      writes: limitOf(settings, "max-mutating-requests-inflight"),
    },
    ...auditOf(settings),
    ...fileOf(settings, "admission-control-config-file", "admissionConfigFile"),
    ...fileOf(settings, "encryption-provider-config", "encryptionProviderConfigFile"),
    admission: {
      enable: settings.list("enable-admission-plugins"),
      disable: settings.list("disable-admission-plugins"),
      tolerationSeconds: {
        notReady: settings.number("default-not-ready-toleration-seconds"),
        unreachable: settings.number("default-unreachable-toleration-seconds"),
      },
    },
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

function fileOf<Name extends keyof ApiConfig>(
  settings: ApiServerSettings,
  flag: string,
  name: Name,
): { readonly [key in Name]?: string } {
  const path = settings.text(flag);
  return path === "" ? {} : ({ [name]: path } as { readonly [key in Name]?: string });
}

/** 0: no limit. @throws Error */
function limitOf(settings: ApiServerSettings, flag: string): number {
  const limit = settings.number(flag);
  if (limit < 0) throw new Error(`--${flag} can not be negative value`);
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}

function requireFlags(settings: ApiServerSettings): void {
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

function tlsMinVersion(settings: ApiServerSettings): Pick<ApiConfig, "tlsMinVersion"> {
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

function advertised(settings: ApiServerSettings): Pick<ApiConfig, "advertise"> {
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

function storeOf(settings: ApiServerSettings): ExternalStore {
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

function accessOf(settings: ApiServerSettings): NonNullable<ApiConfig["access"]> {
  const modes = settings.list("authorization-mode");
  const unknown = modes.find((mode) => !(authorizationModes as readonly string[]).includes(mode));
  if (unknown !== undefined)
    throw new Error(
      `authorization-mode ${JSON.stringify(unknown)} is not a valid mode here: use ${authorizationModes.join(", ")}`,
    );
  const [issuer, ...former] = settings.all("service-account-issuer");
  const tokens = settings.text("token-auth-file");
  return {
    ...(tokens === "" ? {} : { tokenAuthFile: tokens }),
    // Whoever shows nothing may do nothing where nobody is asked what they may do.
    anonymousAuth: settings.boolean("anonymous-auth") && !modes.includes("AlwaysAllow"),
    enableBootstrapTokenAuth: settings.boolean("enable-bootstrap-token-auth"),
    serviceAccountIssuers: [issuer ?? defaults.serviceAccountIssuer, ...former],
    apiAudiences: settings.list("api-audiences"),
    serviceAccountSigningKeyFile: settings.text("service-account-signing-key-file"),
    serviceAccountKeyFiles: settings.all("service-account-key-file"),
    authorizationModes: modes as AuthorizationMode[],
    ...oidcOf(settings),
  };
}

/** @throws Error */
function portRange(text: string): { from: number; to: number } {
  const [, from, to] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(to) };
  if (from === undefined || range.from > range.to || range.to > portMax || range.from < 1)
    throw new Error(
      `invalid argument ${JSON.stringify(text)} for "--service-node-port-range" flag: ports such as 30000-32767 were expected`,
    );
  return range;
}

const withSlash = (prefix: string): string => `/${prefix.replace(/^\/+|\/+$/g, "")}`;
