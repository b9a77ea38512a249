/** IPv4 ranges cut into equal parts. */
export interface CidrPool {
  /** Parts in the pool. */
  readonly size: number;
  /** `10.128.2.0/23` */
  part(index: number): string;
  /** Undefined where the text is no part of this pool. */
  indexOf(cidr: string): number | undefined;
}

/** @throws RangeError where the text is no IPv4 range or the mask does not fit into it */
export function cidrPool(cluster: string, maskSize: number): CidrPool {
  const range = parseCidr(cluster);
  if (range === undefined) throw new RangeError(`${cluster} is not an IPv4 range such as 10.128.0.0/14`);
  if (maskSize < range.prefix || maskSize > 32) {
    throw new RangeError(`parts of /${maskSize} do not fit into ${cluster}`);
  }
  const size = 2 ** (maskSize - range.prefix);
  const step = 2 ** (32 - maskSize);
  return {
    size,
    part: (index) => `${formatAddress(range.start + index * step)}/${maskSize}`,
    indexOf(cidr) {
      const part = parseCidr(cidr);
      if (part === undefined || part.prefix !== maskSize) return undefined;
      const index = (part.start - range.start) / step;
      return Number.isInteger(index) && index >= 0 && index < size ? index : undefined;
    },
  };
}

/** The first address of the range and the length of its prefix. */
function parseCidr(text: string): { start: number; prefix: number } | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (parts === null) return undefined;
  const [a, b, c, d, prefix] = parts.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((byte) => byte > 255) || prefix > 32) return undefined;
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const step = 2 ** (32 - prefix);
  return { start: Math.floor(address / step) * step, prefix };
}

function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}
