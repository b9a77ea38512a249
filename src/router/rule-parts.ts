import type { KubeObject } from "../apimachinery/index.ts";
import type { Service, ServicePort } from "../catalog/index.ts";

/** A DNS name, perhaps with a wildcard as its first label. */
const hostPattern = /^(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** The port of a Service that is meant, by name, number or target; the only one where nothing is said. */
export function portOf(service: Service, wanted: string | number | undefined): ServicePort | undefined {
  const ports = (service.spec?.ports ?? []).filter(({ protocol = "TCP" }) => protocol === "TCP");
  if (wanted === undefined) return ports[0];
  return (
    ports.find(({ name, port }) => name === wanted || port === wanted) ??
    ports.find(({ targetPort }) => targetPort === wanted)
  );
}

/** A host that can be matched: lower case, perhaps a wildcard; undefined for what is none. */
export function hostOf(text: string): string | undefined {
  const host = text.toLowerCase();
  return hostPattern.test(host) && host.length <= 253 ? host : undefined;
}

/** A path that can be matched: printable, without what would mean something to a map, a configuration or a request line. */
export function pathOf(text: string | undefined): string | undefined {
  const path = text === undefined || text === "" ? "/" : text;
  return path.startsWith("/") && path.length <= 1024 && /^[A-Za-z0-9/\-._~%!$&'()*+,;=:@]+$/.test(path)
    ? path
    : undefined;
}

/** A prefix ends at an element: `/shop/` and `/shop` are one. */
export function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** On an Ingress or Route: "true" keeps a client at the endpoint that it met first. */
const stickyAnnotation = "router.raftsman.dev/sticky";

export function isSticky({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[stickyAnnotation] === "true";
}
