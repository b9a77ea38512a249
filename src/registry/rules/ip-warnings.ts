import { formatIp, parseIp } from "../../apimachinery/index.ts";

/** What is still taken for an address but should be written otherwise: leading zeros, IPv4 in IPv6, long forms of IPv6. */
export function ipWarnings(path: string, text: string): string[] {
  const ip = parseIp(text);
  if (ip === undefined) return [];
  const canonical = formatIp(ip);
  if (canonical === text) return [];
  if (ip.family === 6)
    return [`${path}: IPv6 address "${text}" should be in RFC 5952 canonical format ("${canonical}")`];
  const consequence = "will be considered invalid in a future Kubernetes release";
  return [`${path}: non-standard IP address "${text}" ${consequence}: use "${canonical}"`];
}
