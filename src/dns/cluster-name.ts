/** What a name of the cluster's zone stands for (Kubernetes DNS specification 1.1, section 2). */
export type ClusterName =
  | { readonly kind: "apex" }
  /** `ns.dns`: this server. */
  | { readonly kind: "server" }
  /** Nothing by itself, but there are or may be names below: `svc`, `pod`, `dns`. */
  | { readonly kind: "inner" }
  | { readonly kind: "version" }
  | { readonly kind: "namespace"; readonly namespace: string }
  | { readonly kind: "pod"; readonly namespace: string; readonly address: string }
  | {
      readonly kind: "service";
      readonly namespace: string;
      readonly service: string;
      /** Of one endpoint: its host name, or its address with dashes. */
      readonly endpoint?: string;
      readonly port?: string;
      readonly protocol?: string;
    };

/** `labels`: those before the zone, lower case. Undefined: nothing can have such a name. */
export function clusterNameOf(labels: readonly string[]): ClusterName | undefined {
  // A dot within a label is part of no name of ours.
  if (labels.some((label) => label.includes("."))) return undefined;
  const [tree, namespace, subject, ...rest] = [...labels].reverse();
  if (tree === undefined) return { kind: "apex" };
  if (tree === "dns-version") return namespace === undefined ? { kind: "version" } : undefined;
  if (tree === "dns") {
    if (namespace === undefined) return { kind: "inner" };
    return namespace === "ns" && subject === undefined ? { kind: "server" } : undefined;
  }
  if (tree !== "svc" && tree !== "pod") return undefined;
  if (namespace === undefined) return { kind: "inner" };
  if (subject === undefined) return { kind: "namespace", namespace };
  if (tree === "pod") {
    const address = dashedAddress(subject);
    return rest.length > 0 || address === undefined ? undefined : { kind: "pod", namespace, address };
  }
  const service = { kind: "service", namespace, service: subject } as const;
  const [first, second] = rest;
  if (first === undefined) return service;
  if (second === undefined) return { ...service, endpoint: first };
  return rest.length > 2
    ? undefined
    : { ...service, protocol: withoutUnderscore(first), port: withoutUnderscore(second) };
}

/** `10-0-0-1` and `fd00--1`; undefined for what is no address. */
function dashedAddress(label: string): string | undefined {
  const four = /^(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})$/.exec(label);
  if (four !== null) {
    const parts = four.slice(1);
    return parts.every((part) => Number(part) <= 255 && String(Number(part)) === part)
      ? parts.join(".")
      : undefined;
  }
  if (!/^[0-9a-f-]+$/.test(label) || !label.includes("-")) return undefined;
  const address = label.replaceAll("-", ":");
  return URL.canParse(`http://[${address}]/`) ? address : undefined;
}

/** How an endpoint without a host name is called: its address with dashes; a label does not end in one. */
export function dashed(address: string): string {
  const label = address.replace(/[.:]/g, "-");
  return label.endsWith("-") ? `${label}0` : label;
}

function withoutUnderscore(label: string): string {
  return label.startsWith("_") ? label.slice(1) : label;
}

/** The address that a name below in-addr.arpa or ip6.arpa is about; undefined where it is about none, or a whole range. */
export function reverseAddress(labels: readonly string[]): string | undefined {
  const [arpa, family, ...parts] = [...labels].reverse();
  if (arpa !== "arpa") return undefined;
  if (family === "in-addr") {
    const valid =
      parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
    return valid ? parts.join(".") : undefined;
  }
  if (family !== "ip6" || parts.length !== 32 || !parts.every((part) => /^[0-9a-f]$/.test(part)))
    return undefined;
  const groups = Array.from({ length: 8 }, (_, group) => parts.slice(group * 4, group * 4 + 4).join(""));
  // The URL parser writes addresses in their canonical form (RFC 5952), as the API does.
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}
