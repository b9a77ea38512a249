/**
 * The addresses of one node's pods, out of its podCIDR. The first is the network's, the second the node's own in it; the
 * last is broadcast. An address that was given back is the last to be given again, since clients may still hold it.
 */
export class PodAddresses {
  readonly #first: number;
  readonly #count: number;
  readonly #owners = new Map<number, string>();
  readonly #addresses = new Map<string, number>();
  #next = 0;

  /** @throws RangeError where `cidr` is no IPv4 range with room for pods */
  constructor(cidr: string) {
    const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
    const [a, b, c, d, prefix] = (match ?? []).slice(1).map(Number) as number[];
    if (a === undefined || b === undefined || c === undefined || d === undefined || prefix === undefined) {
      throw new RangeError(`${cidr} is not an IPv4 range`);
    }
    if (Math.max(a, b, c, d) > 255 || prefix > 29 || prefix < 8)
      throw new RangeError(`${cidr} cannot hold pods`);
    const size = 2 ** (32 - prefix);
    const address = ((a * 256 + b) * 256 + c) * 256 + d;
    this.#first = address - (address % size) + 2;
    this.#count = size - 3;
  }

  /** The pod's address, the same as long as it is not released; undefined when all are taken. */
  allocate(podUid: string): string | undefined {
    const present = this.#addresses.get(podUid);
    if (present !== undefined) return format(present);
    if (this.#owners.size >= this.#count) return undefined;
    for (;;) {
      const address = this.#first + this.#next;
      this.#next = (this.#next + 1) % this.#count;
      if (this.#owners.has(address)) continue;
      this.#take(podUid, address);
      return format(address);
    }
  }

  /** Keeps an address that the pod has already; false where it is not of this range or another's. */
  reserve(podUid: string, text: string): boolean {
    const address = text.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
    if (!(address >= this.#first && address < this.#first + this.#count)) return false;
    const owner = this.#owners.get(address);
    if (owner !== undefined && owner !== podUid) return false;
    this.#take(podUid, address);
    return true;
  }

  release(podUid: string): void {
    const address = this.#addresses.get(podUid);
    if (address === undefined) return;
    this.#addresses.delete(podUid);
    this.#owners.delete(address);
  }

  #take(podUid: string, address: number): void {
    this.#owners.set(address, podUid);
    this.#addresses.set(podUid, address);
  }
}

function format(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}
