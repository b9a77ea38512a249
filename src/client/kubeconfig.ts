import { parseYaml, stringifyYaml } from "../apimachinery/index.ts";
import { fromUtf8, utf8 } from "../base/index.ts";
import type { Disk } from "../platform/index.ts";
import type { UndiciTransportOptions } from "./undici-transport.ts";

/** clientcmd v1 Config: what kubectl reads. `…-data` fields are base64 of PEM. */
export interface Kubeconfig {
  apiVersion: "v1";
  kind: "Config";
  preferences?: object;
  clusters: { name: string; cluster: KubeconfigCluster }[];
  users: { name: string; user: KubeconfigUser }[];
  contexts: { name: string; context: { cluster: string; user: string; namespace?: string } }[];
  "current-context": string;
}

interface KubeconfigCluster {
  server: string;
  "certificate-authority"?: string;
  "certificate-authority-data"?: string;
  "insecure-skip-tls-verify"?: boolean;
  "tls-server-name"?: string;
}

interface KubeconfigUser {
  "client-certificate"?: string;
  "client-certificate-data"?: string;
  "client-key"?: string;
  "client-key-data"?: string;
  token?: string;
  tokenFile?: string;
}

/** A kubeconfig that cannot be used; the message says what to change. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

/** What a context says: how to reach the server as whom, and the namespace for commands that name none. */
export interface ResolvedContext extends UndiciTransportOptions {
  readonly namespace: string;
}

/** Checks the shape of what was read. @throws KubeconfigError, or YamlError */
export function parseKubeconfig(text: string): Kubeconfig {
  const value: unknown = parseYaml(text);
  if (!isRecord(value)) throw new KubeconfigError("a kubeconfig must be a YAML object");
  if (value.kind !== undefined && value.kind !== "Config") {
    throw new KubeconfigError(`kind must be Config, not ${String(value.kind)}`);
  }
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: entries(value.clusters, "clusters", "cluster") as Kubeconfig["clusters"],
    users: entries(value.users, "users", "user") as Kubeconfig["users"],
    contexts: entries(value.contexts, "contexts", "context") as Kubeconfig["contexts"],
    "current-context": typeof value["current-context"] === "string" ? value["current-context"] : "",
  };
}

export function formatKubeconfig(config: Kubeconfig): string {
  return stringifyYaml(config);
}

/** A kubeconfig with one cluster, one user and one context, all data inline. Texts are PEM. */
export function singleContextKubeconfig(options: {
  name: string;
  server: string;
  ca: string;
  user: string;
  cert?: string;
  key?: string;
  token?: string;
  namespace?: string;
}): Kubeconfig {
  const { name, server, user } = options;
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": base64(options.ca) } }],
    users: [
      {
        name: user,
        user: {
          ...(options.cert === undefined ? {} : { "client-certificate-data": base64(options.cert) }),
          ...(options.key === undefined ? {} : { "client-key-data": base64(options.key) }),
          ...(options.token === undefined ? {} : { token: options.token }),
        },
      },
    ],
    contexts: [
      {
        name,
        context: {
          cluster: name,
          user,
          ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
        },
      },
    ],
    "current-context": name,
  };
}

/**
 * Follows a context (the current one by default) to a server and its credentials, reading the files that it names
 * relative to the kubeconfig's own directory.
 * @throws KubeconfigError
 */
export async function resolveContext(
  config: Kubeconfig,
  options: { disk: Disk; directory: string; context?: string },
): Promise<ResolvedContext> {
  const contextName = options.context ?? config["current-context"];
  if (contextName === "") throw new KubeconfigError("current-context is not set: choose a context by name");
  const context = config.contexts.find(({ name }) => name === contextName)?.context;
  if (context === undefined)
    throw new KubeconfigError(`context ${JSON.stringify(contextName)} does not exist`);
  const cluster = config.clusters.find(({ name }) => name === context.cluster)?.cluster;
  if (typeof cluster?.server !== "string") {
    throw new KubeconfigError(`cluster ${JSON.stringify(context.cluster)} does not exist or names no server`);
  }
  const user = config.users.find(({ name }) => name === context.user)?.user ?? {};
  if ("exec" in user || "auth-provider" in user) {
    throw new KubeconfigError(
      `user ${JSON.stringify(context.user)} gets its credentials from a plug-in: use a certificate or a token`,
    );
  }

  async function material(data: string | undefined, file: string | undefined): Promise<string | undefined> {
    if (data !== undefined && data !== "") return Buffer.from(data, "base64").toString("utf8");
    if (file === undefined || file === "") return undefined;
    const path = file.startsWith("/") ? file : `${options.directory}/${file}`;
    try {
      return fromUtf8(await options.disk.readFile(path));
    } catch (error) {
      throw new KubeconfigError(
        `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  const ca = await material(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  const cert = await material(user["client-certificate-data"], user["client-certificate"]);
  const key = await material(user["client-key-data"], user["client-key"]);
  const token = user.token ?? (await material(undefined, user.tokenFile))?.trim();
  return {
    namespace: context.namespace ?? "default",
    server: cluster.server,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(token === undefined || token === "" ? {} : { token }),
    ...(cluster["tls-server-name"] === undefined ? {} : { serverName: cluster["tls-server-name"] }),
    ...(cluster["insecure-skip-tls-verify"] === true ? { insecureSkipTlsVerify: true } : {}),
  };
}

/** The context of a kubeconfig file. @throws KubeconfigError; the disk's error where the file cannot be read */
export async function readKubeconfig(
  disk: Disk,
  path: string,
  options: { context?: string } = {},
): Promise<ResolvedContext> {
  const config = parseKubeconfig(fromUtf8(await disk.readFile(path)));
  const slash = path.lastIndexOf("/");
  const directory = slash === -1 ? "." : path.slice(0, slash);
  return resolveContext(config, { disk, directory, ...options });
}

/** Readable by its owner only: it holds a key. */
export async function writeKubeconfig(disk: Disk, path: string, config: Kubeconfig): Promise<void> {
  await disk.replaceFile(path, utf8(formatKubeconfig(config)), { mode: 0o600 });
}

function entries(value: unknown, list: string, field: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new KubeconfigError(`${list} must be a list`);
  for (const [index, entry] of value.entries()) {
    if (!isRecord(entry) || typeof entry.name !== "string" || !isRecord(entry[field] ?? {})) {
      throw new KubeconfigError(`${list}[${index}] must have a name and a ${field}`);
    }
  }
  return value.map((entry) => ({ ...entry, [field]: entry[field] ?? {} }));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
