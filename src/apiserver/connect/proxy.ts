/** nodes/proxy, pods/proxy and services/proxy: a request goes on to a node's agent, a pod or a ready endpoint of a service. */
import { cidrContains, errors, type KubeObject, parseCidr, parseIp } from "../../apimachinery/index.ts";
import type { ApiContext } from "../state.ts";
import { forward, type MaybeUpgrade, takeConnection } from "./forward.ts";
import { hostHeader, kubeletOf } from "./kubelet.ts";
import { dial, type Outbound } from "./outbound.ts";
import { type ConnectReader, toKubelet } from "./pod-streams.ts";

/** `name`, `name:port`, `scheme:name:port`; undefined where it is none of these. */
function splitProxyName(id: string): { scheme: string; name: string; port: string } | undefined {
  const parts = id.split(":");
  const [first = "", second = "", third = ""] = parts;
  if (parts.length === 1) return { scheme: "", name: first, port: "" };
  if (parts.length === 2) return first === "" ? undefined : { scheme: "", name: first, port: second };
  if (parts.length === 3 && (first === "" || first === "http" || first === "https") && second !== "")
    return { scheme: first, name: second, port: third };
  return undefined;
}

interface Target {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

/** Relative links of what is shown there need the slash. */
function withSlash(context: ApiContext): void {
  const [own = "", query] = (context.req.url ?? "").split("?");
  const location = `${own}/${query === undefined ? "" : `?${query}`}`;
  context.state.reply = { status: 301, headers: { location }, body: "" };
}

export async function proxy(
  context: ApiContext,
  {
    reader,
    outbound,
    random,
  }: { reader: ConnectReader; outbound: Outbound | undefined; random: () => number },
): Promise<void> {
  const { info } = context.state;
  const method = context.req.method ?? "GET";
  const { prefix, behind, query } = splitUrl(context.req.url ?? "/");
  const path = `${behind === "" ? "/" : behind}${query === "" ? "" : `?${query}`}`;
  const upgrades = (context.req as MaybeUpgrade)[takeConnection] !== undefined;
  const lacksSlash = behind === "" && (method === "GET" || method === "HEAD") && !upgrades;
  const own = context.req.headers.host ?? context.host;
  if (info.resource === "nodes") {
    const [name = ""] = info.name.split(":");
    const node = await reader.node(name);
    if (lacksSlash) return withSlash(context);
    const address = kubeletOf(node);
    const place = { prefix, hosts: [hostHeader(address), own] };
    return toKubelet(context, address, outbound, { method, path, place });
  }
  const target =
    info.resource === "pods"
      ? await podTarget(info.namespace, info.name, reader)
      : await serviceTarget(info.namespace, info.name, reader, random);
  if (lacksSlash) return withSlash(context);
  if (outbound === undefined) throw errors.serviceUnavailable("this API server reaches no pods");
  if (!mayReach(target.host, outbound.localPodCidr)) throw errors.badRequest("address not allowed");
  const host = `${target.host.includes(":") ? `[${target.host}]` : target.host}:${target.port}`;
  const url = `${target.secure ? "https" : "http"}://${host}${path}`;
  const connection = await dial(outbound, url, {
    host: target.host,
    port: target.port,
    // Pods' certificates are signed by anybody: upstream does not check them either.
    ...(target.secure ? { tls: { unverified: true, protocols: ["http/1.1"] } } : {}),
  }).catch((error: Error) => {
    throw errors.serviceUnavailable(
      `error trying to reach service: ${error.message.replace(/^Internal error occurred: Get "[^"]*": /, "")}`,
    );
  });
  await forward(context, {
    connection,
    method,
    path,
    // As the client said: pods see which name they are called by.
    host: own,
    place: { prefix, hosts: [host, own] },
    headers: {
      "x-forwarded-uri": prefix + behind,
      "x-forwarded-host": context.host,
      "x-forwarded-proto": context.protocol,
      "x-forwarded-for": context.req.socket.remoteAddress ?? "",
    },
  });
}

/** The path up to `/proxy`, what stands behind it, and the query. */
function splitUrl(url: string): { prefix: string; behind: string; query: string } {
  const [path = "", query = ""] = url.split(/\?(.*)/s);
  const end = path.search(/\/proxy(\/|$)/) + "/proxy".length;
  return { prefix: path.slice(0, end), behind: path.slice(end), query };
}

async function podTarget(namespace: string, id: string, reader: ConnectReader): Promise<Target> {
  const parts = splitProxyName(id);
  if (parts === undefined) throw errors.badRequest(`invalid pod request ${JSON.stringify(id)}`);
  const pod = await reader.pod(namespace, parts.name);
  const containers = (pod.spec?.containers ?? []) as { ports?: { containerPort: number }[] }[];
  const first = containers.flatMap(({ ports = [] }) => ports)[0]?.containerPort;
  const secure = parts.scheme === "https";
  const port = parts.port === "" ? (first ?? (secure ? 443 : 80)) : portOf(parts.port);
  return { secure, host: pod.status?.podIP ?? "", port };
}

async function serviceTarget(
  namespace: string,
  id: string,
  reader: ConnectReader,
  random: () => number,
): Promise<Target> {
  const parts = splitProxyName(id);
  if (parts === undefined) throw errors.badRequest(`invalid service request ${JSON.stringify(id)}`);
  const service = await reader.service(namespace, parts.name);
  const ports = (service.spec?.ports ?? []) as { name?: string; port: number }[];
  // The number of a service's port stands for its name, which is the endpoints'.
  const number = /^\d+$/.test(parts.port) ? Number(parts.port) : undefined;
  let portName = parts.port;
  if (number !== undefined) {
    const found = ports.find(({ port }) => port === number);
    if (found === undefined)
      throw errors.serviceUnavailable(
        `no service port ${number} found for service ${JSON.stringify(parts.name)}`,
      );
    portName = found.name ?? "";
  }
  const endpoints: KubeObject | undefined = await reader.endpoints(namespace, parts.name);
  // Upstream looks for the Endpoints, and calls them by the service's name.
  if (endpoints === undefined) throw errors.notFound({ group: "", resource: "services" }, parts.name);
  const subsets = (endpoints["subsets"] ?? []) as {
    addresses?: { ip: string }[];
    ports?: { name?: string; port: number }[];
  }[];
  if (subsets.length === 0)
    throw errors.serviceUnavailable(`no endpoints available for service ${JSON.stringify(parts.name)}`);
  const targets = subsets.flatMap(({ addresses = [], ports: open = [] }) => {
    const port = open.find(({ name = "" }) => name === portName || (parts.port === "" && open.length === 1));
    return port === undefined ? [] : addresses.map(({ ip }) => ({ host: ip, port: port.port }));
  });
  const chosen = targets[Math.floor(random() * targets.length)];
  if (chosen === undefined)
    throw errors.serviceUnavailable(`no endpoints available for service ${JSON.stringify(id)}`);
  return { secure: parts.scheme === "https", ...chosen };
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw errors.badRequest(`invalid port ${JSON.stringify(text)}`);
  return port;
}

/** Whoever may write a pod's status must not make the server talk to itself. */
function mayReach(host: string, localPodCidr: string | undefined): boolean {
  const ip = parseIp(host);
  if (ip === undefined) return false;
  const one = parseCidr(`${host}/${ip.family === 4 ? 32 : 128}`);
  const inside = (cidr: string): boolean => {
    const range = parseCidr(cidr);
    return range !== undefined && one !== undefined && cidrContains(range, one);
  };
  if (localPodCidr !== undefined && inside(localPodCidr)) return true;
  return ![
    "0.0.0.0/32",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "::/128",
    "::1/128",
    "fe80::/10",
    "ff00::/8",
  ].some(inside);
}
