import { type Cidr, errors, formatIp, type KubeObject, parseCidr } from "../../../apimachinery/index.ts";
import type { Storage } from "../../../storage/index.ts";
import type { RequestContext } from "../../context.ts";
import { readyRanges } from "../../networking/service-cidr.ts";
import type { AddressPool } from "./address-pool.ts";
import type { Allocation } from "./allocation.ts";
import { everything } from "./everything.ts";
import type { Holder } from "./reservations.ts";
import type { IpFamily } from "./types.ts";

/** Why an address that no range holds cannot be had; upstream's text. */
export const notInRange = "the provided network does not match the current range";

export interface AddressRangesOptions {
  /** What the server was started with. */
  readonly first: Cidr;
  poolOf(cidr: Cidr): AddressPool;
  /** Where the ServiceCIDRs stand. */
  objects(): { readonly storage: Storage; readonly keyPrefix: string };
}

/**
 * All addresses of one family that Services can have: those the server was started with, and the ranges of ServiceCIDRs once they
 * are ready. These are looked at only where the first range does not do, so that most Services cost no look.
 */
export class AddressRanges {
  readonly family: IpFamily;
  readonly #options: AddressRangesOptions;
  readonly #first: AddressPool;
  readonly #pools = new Map<string, AddressPool>();

  constructor(options: AddressRangesOptions) {
    this.#options = options;
    this.#first = options.poolOf(options.first);
    this.family = this.#first.family;
  }

  /** Why not, or undefined. */
  async take(address: string, allocation: Allocation, context: RequestContext): Promise<string | undefined> {
    if (this.#first.contains(address)) return await this.#first.take(address, allocation, context);
    const further = (await this.#further()).find((pool) => pool.contains(address));
    if (further !== undefined) return await further.take(address, allocation, context);
    if (!context.dryRun) return notInRange;
    return `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${rangeOf(this.#options.first)}`;
  }

  /** @throws StatusError where no range has one left */
  async takeAny(allocation: Allocation, context: RequestContext): Promise<string> {
    const address = await this.#first.takeAny(allocation, context);
    if (address !== undefined) return address;
    for (const pool of await this.#further()) {
      const other = await pool.takeAny(allocation, context);
      if (other !== undefined) return other;
    }
    throw errors.internalError("failed to allocate a serviceIP: range is full");
  }

  release(address: string, holder: Holder): Promise<void> {
    return this.#first.release(address, holder);
  }

  async #further(): Promise<AddressPool[]> {
    const { storage, keyPrefix } = this.#options.objects();
    const list = await storage.list(keyPrefix, everything);
    const objects: KubeObject[] = list.items.map(({ object }) => object);
    const { first } = this.#options;
    const own = rangeOf(first);
    const pools: AddressPool[] = [];
    for (const range of readyRanges(objects, first.family)) {
      if (range === own) continue;
      let pool = this.#pools.get(range);
      if (pool === undefined) {
        pool = this.#options.poolOf(parseCidr(range) as Cidr);
        this.#pools.set(range, pool);
      }
      pools.push(pool);
    }
    return pools;
  }
}

const rangeOf = ({ family, base, prefixLength }: Cidr): string =>
  `${formatIp({ family, value: base })}/${prefixLength}`;
