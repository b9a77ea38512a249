import { errors } from "../../../apimachinery/index.ts";
import type { RequestContext } from "../../context.ts";
import { type Cidr, formatIp, parseIp } from "../../rules/ip.ts";
import type { Allocation } from "./allocation.ts";
import { AllocationError, NumberPool, staticBand } from "./number-pool.ts";
import type { Holder, Reservations } from "./reservations.ts";
import type { IpFamily } from "./types.ts";

/** Upstream's calculateRangeOffset for addresses. */
const addressBand = { min: 16, max: 256, share: 16 };

export const notInRange = "the provided network does not match the current range";

/** The addresses of one family that Services can have: not the network's own, not IPv4's broadcast. */
export class AddressPool {
  readonly family: IpFamily;
  readonly #cidr: Cidr;
  readonly #pool: NumberPool;

  constructor(cidr: Cidr, reservations: Reservations, random: () => number) {
    this.family = `IPv${cidr.family}`;
    this.#cidr = cidr;
    const first = cidr.base + 1n;
    this.#pool = new NumberPool({
      first,
      last: cidr.family === 4 ? cidr.last - 1n : cidr.last,
      dynamicFrom: first + staticBand(cidr.last - cidr.base + 1n, addressBand),
      reservations,
      random,
      nameOf: (value) => formatIp({ family: cidr.family, value }),
    });
  }

  /** Why not, or undefined. */
  async take(address: string, allocation: Allocation, context: RequestContext): Promise<string | undefined> {
    const number = parseIp(address)?.value;
    if (number === undefined || !this.#pool.contains(number)) return notInRange;
    const isFree = context.dryRun
      ? !(await this.#pool.isTaken(number))
      : await this.#pool.take(number, allocation.holder);
    if (!isFree) return "provided IP is already allocated";
    if (!context.dryRun) allocation.undo(() => this.#pool.release(number, allocation.holder));
    return undefined;
  }

  async takeAny(allocation: Allocation, context: RequestContext): Promise<string> {
    // A dry run takes nothing and shows an address that can be nobody's.
    if (context.dryRun) return formatIp({ family: this.#cidr.family, value: this.#cidr.base });
    try {
      const value = await this.#pool.takeAny(allocation.holder);
      allocation.undo(() => this.#pool.release(value, allocation.holder));
      return formatIp({ family: this.#cidr.family, value });
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      throw errors.internalError(`failed to allocate a serviceIP: ${error.message}`);
    }
  }

  async release(address: string, holder: Holder): Promise<void> {
    const number = parseIp(address)?.value;
    if (number !== undefined && this.#pool.contains(number)) await this.#pool.release(number, holder);
  }
}
