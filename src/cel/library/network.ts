import { formatIp, type IpAddress, parseIp } from "../../apimachinery/index.ts";
import type { Library } from "../functions.ts";
import { Failure, fail, Opaque, type Result } from "../values.ts";

class IpValue extends Opaque {
  override readonly typeName = "net.IP";
  readonly address: IpAddress;
  constructor(address: IpAddress) {
    super(address.family === 4 ? 4 : 16);
    this.address = address;
  }
  override equals(other: Opaque): boolean {
    return (
      other instanceof IpValue &&
      other.address.family === this.address.family &&
      other.address.value === this.address.value
    );
  }
  in(base: string, prefixLength: number): boolean {
    const network = parseIp(base) as IpAddress;
    return new CidrValue(network, prefixLength).contains(this.address);
  }
}

class CidrValue extends Opaque {
  override readonly typeName = "net.CIDR";
  readonly address: IpAddress;
  readonly prefixLength: number;
  constructor(address: IpAddress, prefixLength: number) {
    super(Math.ceil(prefixLength / 8));
    this.address = address;
    this.prefixLength = prefixLength;
  }
  get #hostBits(): bigint {
    return BigInt((this.address.family === 4 ? 32 : 128) - this.prefixLength);
  }
  get masked(): CidrValue {
    const value = (this.address.value >> this.#hostBits) << this.#hostBits;
    return new CidrValue({ family: this.address.family, value }, this.prefixLength);
  }
  contains({ family, value }: IpAddress): boolean {
    return family === this.address.family && value >> this.#hostBits === this.address.value >> this.#hostBits;
  }
  override equals(other: Opaque): boolean {
    return (
      other instanceof CidrValue &&
      other.prefixLength === this.prefixLength &&
      other.address.family === this.address.family &&
      other.address.value === this.address.value
    );
  }
}

function ip(text: string): IpValue | Failure {
  if (text.includes("%")) return fail(`IP address ${JSON.stringify(text)} with zone value is not allowed`);
  const address = parseIp(text);
  if (address === undefined) {
    return fail(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`,
    );
  }
  if (text.includes(":") && address.family === 4) {
    return fail(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
  }
  return new IpValue(address);
}

function cidr(text: string): CidrValue | Failure {
  const refuse = (why: string): Failure => {
    const once = `network address parse error during conversion from string: ${why}`;
    return fail(`network address parse error during conversion from string: ${once}`);
  };
  const quoted = JSON.stringify(text);
  const slash = text.lastIndexOf("/");
  if (slash === -1) return refuse(`netip.ParsePrefix(${quoted}): no '/'`);
  const bits = text.slice(slash + 1);
  const address = parseIp(text.slice(0, slash));
  if (address === undefined || text.includes("%")) {
    return refuse(
      `netip.ParsePrefix(${quoted}): ParseAddr(${JSON.stringify(text.slice(0, slash))}): unable to parse IP`,
    );
  }
  if (text.includes(":") && address.family === 4) {
    return fail(
      `network address parse error during conversion from string: IPv4-mapped IPv6 address ${quoted} is not allowed`,
    );
  }
  if (!/^(0|[1-9]\d{0,2})$/.test(bits))
    return refuse(`netip.ParsePrefix(${quoted}): bad bits after slash: ${JSON.stringify(bits)}`);
  if (Number(bits) > (address.family === 4 ? 32 : 128)) {
    return refuse(`netip.ParsePrefix(${quoted}): prefix length out of range`);
  }
  return new CidrValue(address, Number(bits));
}

const then = <T extends Opaque>(value: T | Failure, use: (value: T) => Result): Result =>
  value instanceof Failure ? value : use(value);

const isLoopback = (value: IpValue): boolean => value.in("127.0.0.0", 8) || value.in("::1", 128);
const isLinkLocalMulticast = (value: IpValue): boolean => value.in("224.0.0.0", 24) || value.in("ff02::", 16);
const isLinkLocalUnicast = (value: IpValue): boolean => value.in("169.254.0.0", 16) || value.in("fe80::", 10);
const isMulticast = (value: IpValue): boolean => value.in("224.0.0.0", 4) || value.in("ff00::", 8);
const isUnspecified = ({ address }: IpValue): boolean => address.value === 0n;
const isBroadcast = (value: IpValue): boolean => value.in("255.255.255.255", 32);

const containsIp = (network: CidrValue, { address }: IpValue): boolean => network.contains(address);
const containsCidr = (network: CidrValue, other: CidrValue): boolean =>
  network.prefixLength <= other.prefixLength && network.contains(other.address);

const showIp = ({ address }: IpValue): string => formatIp(address);
const showCidr = ({ address, prefixLength }: CidrValue): string => `${formatIp(address)}/${prefixLength}`;

export const networkLibrary: Library = {
  ip: {
    "(string) -> net.IP": ip,
    "net.CIDR.() -> net.IP": (network: CidrValue) => new IpValue(network.address),
  },
  isIP: { "(string) -> bool": (text: string) => !(ip(text) instanceof Failure) },
  "ip.isCanonical": {
    "(string) -> bool": (text: string) => then(ip(text), (value) => showIp(value) === text),
  },
  family: { "net.IP.() -> int": ({ address }: IpValue) => BigInt(address.family) },
  isUnspecified: { "net.IP.() -> bool": isUnspecified },
  isLoopback: { "net.IP.() -> bool": isLoopback },
  isLinkLocalMulticast: { "net.IP.() -> bool": isLinkLocalMulticast },
  isLinkLocalUnicast: { "net.IP.() -> bool": isLinkLocalUnicast },
  isGlobalUnicast: {
    "net.IP.() -> bool": (value: IpValue) =>
      ![isUnspecified, isLoopback, isMulticast, isLinkLocalUnicast, isBroadcast].some((test) => test(value)),
  },
  cidr: { "(string) -> net.CIDR": cidr },
  isCIDR: { "(string) -> bool": (text: string) => !(cidr(text) instanceof Failure) },
  containsIP: {
    "net.CIDR.(string) -> bool": (network: CidrValue, text: string) =>
      then(ip(text), (value) => containsIp(network, value)),
    "net.CIDR.(net.IP) -> bool": containsIp,
  },
  containsCIDR: {
    "net.CIDR.(string) -> bool": (network: CidrValue, text: string) =>
      then(cidr(text), (value) => containsCidr(network, value)),
    "net.CIDR.(net.CIDR) -> bool": containsCidr,
  },
  prefixLength: { "net.CIDR.() -> int": ({ prefixLength }: CidrValue) => BigInt(prefixLength) },
  masked: { "net.CIDR.() -> net.CIDR": (network: CidrValue) => network.masked },
  string: { "(net.IP) -> string": showIp, "(net.CIDR) -> string": showCidr },
};
