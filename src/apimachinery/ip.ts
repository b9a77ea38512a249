import { ipErrors } from "./names.ts";

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

/** Whether all addresses of the inner range are in the outer one. */
export function cidrContains(outer: Cidr, inner: Cidr): boolean {
  return outer.family === inner.family && outer.base <= inner.base && inner.last <= outer.last;
}
