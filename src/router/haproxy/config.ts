/** HAProxy's configuration for a table of routes. */
import { endpointKey } from "../../proxy/index.ts";
import type { WeightedEndpoint } from "../backends.ts";
import type { EndpointsOf, RouterAddresses } from "../driver.ts";
import { cookieName } from "../embedded/sticky.ts";
import { answerTimeoutMs, connectTimeoutMs, connectTriesMax } from "../limits.ts";
import type { Certificate, RouteEntry, RouteTable } from "../types.ts";
import { backendName, mapFiles, mapsOf, redirectBackend, unavailableBackend } from "./maps.ts";

export interface HaproxyFiles {
  /** The directory that everything is in; absolute. */
  readonly directory: string;
  readonly listen: RouterAddresses;
  readonly defaultCertificate: Certificate;
  /** What makes cookies of endpoints; keeps its value over reloads. */
  readonly cookieKey: string;
}

/** All files of a table, by their names in the directory. */
export function filesOf(
  options: HaproxyFiles,
  table: RouteTable,
  endpointsOf: EndpointsOf,
): Map<string, string> {
  const { directory } = options;
  const files = new Map<string, string>();
  const { http, https, tcp } = mapsOf(table.entries);
  files.set(mapFiles.http, http).set(mapFiles.https, https).set(mapFiles.tcp, tcp);
  files.set("default.pem", pem(options.defaultCertificate));
  const list = [`${directory}/default.pem`];
  let number = 0;
  for (const [host, certificate] of table.certificates) {
    const name = `certificate-${number++}.pem`;
    files.set(name, pem(certificate));
    // Without a host it is for whoever asks for none: the first line of the list.
    if (host === "") list[0] = `${directory}/${name}`;
    else list.push(`${directory}/${name} ${host}`);
  }
  files.set("certificates.list", `${list.join("\n")}\n`);
  for (const entry of table.entries)
    if (entry.destinationCa !== undefined) files.set(authorityFile(entry), entry.destinationCa);
  files.set("haproxy.config", configOf(options, table, endpointsOf));
  return files;
}

const pem = ({ cert, key }: Certificate): string => `${cert.trimEnd()}\n${key.trimEnd()}\n`;
const authorityFile = ({ id }: RouteEntry): string => `authority-${id.replaceAll(":", "_")}.pem`;

function configOf(options: HaproxyFiles, table: RouteTable, endpointsOf: EndpointsOf): string {
  const { directory, listen } = options;
  const at = ({ host, port }: { host: string; port: number }): string =>
    `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return `# Written by raftsman: changes are overwritten.
global
  maxconn 4000
  stats socket unix@${directory}/admin.sock mode 600 level admin expose-fd listeners
  tune.ssl.default-dh-param 2048
  ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
  mode http
  timeout connect ${connectTimeoutMs}ms
  timeout client ${answerTimeoutMs}ms
  timeout client-fin 1s
  timeout server ${answerTimeoutMs}ms
  timeout server-fin 1s
  timeout http-request 10s
  timeout http-keep-alive 90s
  timeout tunnel 1h
  # A worker that a reload replaces ends idle connections after their next answer: a request may be on its way already.
  option idle-close-on-response
  # Of a node that died no endpoint accepts: each is passed over after one try, and a request goes on to the next.
  retries ${connectTriesMax - 1}
  option redispatch 1
  retry-on conn-failure empty-response

frontend public
  bind ${at(listen.http)}
  http-request del-header Proxy
  use_backend %[base,map_reg(${directory}/${mapFiles.http})]
  default_backend ${unavailableBackend}

frontend public_ssl
  mode tcp
  bind ${at(listen.https)}
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.ssl_hello_type 1 }
  use_backend %[req.ssl_sni,lower,map_reg(${directory}/${mapFiles.tcp})] if { req.ssl_sni,lower,map_reg(${directory}/${mapFiles.tcp}) -m found }
  default_backend to_fe_sni

backend to_fe_sni
  mode tcp
  server fe_sni unix@${directory}/sni.sock send-proxy-v2

frontend fe_sni
  bind unix@${directory}/sni.sock mode 600 accept-proxy ssl crt-list ${directory}/certificates.list alpn h2,http/1.1
  http-request del-header Proxy
  use_backend %[base,map_reg(${directory}/${mapFiles.https})]
  default_backend ${unavailableBackend}

backend ${redirectBackend}
  http-request redirect scheme https code 302

backend ${unavailableBackend}
  http-request return status 503 content-type "text/html; charset=utf-8" string "<h1>No such route</h1>"

${table.entries.map((entry) => backendOf(options, entry, endpointsOf(entry))).join("\n")}`;
}

function backendOf(options: HaproxyFiles, entry: RouteEntry, endpoints: readonly WeightedEndpoint[]): string {
  const lines = [`backend ${backendName(entry)}`];
  if (entry.termination === "passthrough") lines.push("mode tcp", "balance roundrobin");
  else {
    lines.push(
      // Not random: HAProxy 2.6 gives all servers that are added at run time the same place in that one's ring, and traffic to one of them.
      `balance ${entry.targets.length > 1 ? "roundrobin" : "leastconn"}`,
      // Only what may be sent twice is: GET, HEAD, PUT, DELETE, OPTIONS, TRACE.
      "http-request disable-l7-retry unless { method GET HEAD PUT DELETE OPTIONS TRACE }",
      // What the client says of itself is not passed on.
      "http-request del-header X-Forwarded-For",
      "http-request set-header X-Forwarded-For %[src]",
      "http-request set-header X-Forwarded-Host %[req.hdr(host)]",
      "http-request set-header X-Forwarded-Proto https if { ssl_fc }",
      "http-request set-header X-Forwarded-Proto http if !{ ssl_fc }",
    );
    if (entry.sticky)
      lines.push(
        `cookie ${cookieName(entry)} insert indirect nocache httponly dynamic`,
        `dynamic-cookie-key ${options.cookieKey}`,
      );
  }
  for (const one of endpoints)
    lines.push(`server ${serverName(one)} ${serverParameters(options, entry, one)}`);
  return `${lines.join("\n  ")}\n`;
}

/** Tells endpoints of a backend apart, whatever they are called elsewhere. */
export function serverName({ endpoint }: WeightedEndpoint): string {
  return `ept_${endpointKey(endpoint).replace(/[^A-Za-z0-9]/g, "_")}`;
}

/**
 * One connection that fails takes a server out, until one of the checks that then come often succeeds. Those of a server that is up are
 * seldom: whether an endpoint is ready is for the API to say.
 */
const healthParameters =
  "check inter 60s fastinter 1s downinter 200ms fall 1 rise 1 observe layer4 error-limit 1 on-error mark-down";

/** Of a `server` line, and of `add server` at run time. */
export function serverParameters(
  { directory }: Pick<HaproxyFiles, "directory">,
  entry: RouteEntry,
  { endpoint, weight }: WeightedEndpoint,
): string {
  const { address, port } = endpoint;
  const at = `${address.includes(":") ? `[${address}]` : address}:${port} weight ${weight} ${healthParameters}`;
  if (entry.termination !== "reencrypt") return at;
  return entry.destinationCa === undefined
    ? `${at} ssl verify none`
    : `${at} ssl verify required ca-file ${directory}/${authorityFile(entry)}`;
}
