/**
 * The tenth address of an IPv4 range, "10.96.0.0/16" → "10.96.0.10": where clusters have DNS. Undefined where the range has fewer, or is
 * none of IPv4.
 */
export function tenthAddress(cidr: string): string | undefined {
  const [network = "", prefix = "32"] = cidr.split("/");
  if (network.includes(":") || Number(prefix) > 28) return undefined;
  const bytes = network.split(".").map(Number);
  return [...bytes.slice(0, 3), (bytes[3] ?? 0) + 10].join(".");
}

/** The first usable address of an IPv4 or IPv6 range, "10.96.0.0/16" → "10.96.0.1": the ClusterIP of the API server itself. */
export function firstAddress(cidr: string): string {
  const [network = ""] = cidr.split("/");
  if (network.includes(":")) return network.endsWith("::") ? `${network}1` : network;
  const bytes = network.split(".").map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255)) {
    throw new Error(`not a range of addresses: ${cidr}`);
  }
  bytes[3] = (bytes[3] ?? 0) + 1;
  return bytes.join(".");
}
