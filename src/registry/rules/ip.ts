import { type FieldError, field, ipErrors } from "../../apimachinery/index.ts";

/** An address as a number; IPv4 in IPv6 notation counts as IPv4. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface Cidr {
  readonly family: 4 | 6;
  /** The first address, the network's own. */
  readonly base: bigint;
  /** The last address. */
  readonly last: bigint;
  readonly prefixLength: number;
}

const mappedPrefix = 0xffffn << 32n;

/** Undefined where the text is no address. */
export function parseIp(text: string): IpAddress | undefined {
  if (ipErrors(text).length > 0) return undefined;
  if (!text.includes(":")) return { family: 4, value: parseV4(text) };
  const value = parseV6(text);
  return value >> 32n === mappedPrefix >> 32n
    ? { family: 4, value: value & 0xffffffffn }
    : { family: 6, value };
}

function parseV4(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(Number(part)), 0n);
}

function parseV6(text: string): bigint {
  let expanded = text;
  const lastColon = text.lastIndexOf(":");
  if (text.includes(".")) {
    const v4 = parseV4(text.slice(lastColon + 1));
    expanded = `${text.slice(0, lastColon + 1)}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
  }
  const [head = "", tail] = expanded.split("::");
  const groups = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** Canonical text: RFC 5952 for IPv6. */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn));
  const { start, length } = longestZeros(groups);
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
    start += length;
  }
  return best;
}

/** Undefined where the text is no `address/bits`. Bits of the address below the mask are dropped. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", bits, more] = text.split("/");
  if (bits === undefined || more !== undefined || !/^\d{1,3}$/.test(bits)) return undefined;
  const ip = parseIp(address);
  if (ip === undefined) return undefined;
  const width = ip.family === 4 ? 32 : 128;
  const prefixLength = Number(bits);
  if (prefixLength > width) return undefined;
  const hostBits = BigInt(width - prefixLength);
  const base = (ip.value >> hostBits) << hostBits;
  return { family: ip.family, base, last: base + (1n << hostBits) - 1n, prefixLength };
}

export function validateCidr(path: string, text: string): FieldError[] {
  if (parseCidr(text) !== undefined) return [];
  return [field.invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")];
}

const within = (ip: IpAddress, cidr: string): boolean => {
  const range = parseCidr(cidr) as Cidr;
  return range.family === ip.family && ip.value >= range.base && ip.value <= range.last;
};

/**
 * Addresses that traffic must not be sent to on somebody else's word: a Service or an endpoint that names them would reach
 * into the node itself. Upstream's ValidateNonSpecialIP.
 */
export function validateNonSpecialIp(path: string, text: string): FieldError[] {
  const ip = parseIp(text);
  if (ip === undefined) return [field.invalid(path, text, "must be a valid IP address")];
  const errors: FieldError[] = [];
  if (ip.value === 0n) errors.push(field.invalid(path, text, `may not be unspecified (${text})`));
  if (within(ip, "127.0.0.0/8") || within(ip, "::1/128")) {
    errors.push(field.invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"));
  }
  if (within(ip, "169.254.0.0/16") || within(ip, "fe80::/10")) {
    errors.push(field.invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"));
  }
  if (within(ip, "224.0.0.0/24") || within(ip, "ff02::/16")) {
    errors.push(
      field.invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    );
  }
  return errors;
}
