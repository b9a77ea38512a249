/** The maps that HAProxy looks routes up in, in the manner of OpenShift's router: a pattern of host and path a line, the first that matches wins. */
import type { RouteEntry } from "../types.ts";

/** Backends that are no route. */
export const unavailableBackend = "openshift_default";
export const redirectBackend = "redirect_to_https";

export interface Maps {
  /** Plain requests: `os_http_be.map`. */
  readonly http: string;
  /** Requests over TLS that ends here: `os_edge_reencrypt_be.map`. */
  readonly https: string;
  /** Names (SNI) of connections that are passed through: `os_tcp_be.map`. */
  readonly tcp: string;
}

export const mapFiles = {
  http: "os_http_be.map",
  https: "os_edge_reencrypt_be.map",
  tcp: "os_tcp_be.map",
} as const;

/** Entries come most specific first, and stay so. */
export function mapsOf(entries: readonly RouteEntry[]): Maps {
  const lines = { http: [] as string[], https: [] as string[], tcp: [] as string[] };
  for (const entry of entries) {
    if (entry.termination === "passthrough")
      lines.tcp.push(`^${hostPattern(entry.host)}$ ${backendName(entry)}`);
    else {
      const secure = entry.termination === "none" ? unavailableBackend : backendName(entry);
      lines.https.push(`${patternOf(entry)} ${secure}`);
    }
    const plain = { allow: backendName(entry), redirect: redirectBackend, none: unavailableBackend };
    // Nobody here can read a request that was meant to pass through.
    const target =
      entry.termination === "passthrough" && entry.insecure === "allow"
        ? unavailableBackend
        : plain[entry.insecure];
    lines.http.push(`${patternOf(entry)} ${target}`);
  }
  const text = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");
  return { http: text(lines.http), https: text(lines.https), tcp: text(lines.tcp) };
}

/** `be_http:ing:shop:web:0:0`; the prefix says what it carries. */
export function backendName({ id, termination }: RouteEntry): string {
  const kind = { none: "be_http", edge: "be_edge_http", reencrypt: "be_secure", passthrough: "be_tcp" }[
    termination
  ];
  return `${kind}:${id}`;
}

/** Of HAProxy's `base`: the Host field as it came, then the path. */
function patternOf({ host, path, exact }: RouteEntry): string {
  const place = host === "" ? "[^/]*" : `${hostPattern(host)}(:[0-9]+)?`;
  if (exact) return `^${place}${quoted(path)}$`;
  return path === "/" ? `^${place}(/.*)?$` : `^${place}${quoted(path)}(/.*)?$`;
}

function hostPattern(host: string): string {
  return host.startsWith("*.") ? `(?i:[^.:/]+${quoted(host.slice(1))})` : `(?i:${quoted(host)})`;
}

const quoted = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
