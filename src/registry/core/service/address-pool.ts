import { type Cidr, formatIp, type IpAddress, parseIp } from "../../../apimachinery/index.ts";
import type { RequestContext } from "../../context.ts";
import type { Allocation } from "./allocation.ts";
import { AllocationError, NumberPool, staticBand } from "./number-pool.ts";
import type { Holder, Reservations } from "./reservations.ts";
import type { IpFamily } from "./types.ts";

/** Upstream's calculateRangeOffset for addresses. */
const addressBand = { min: 16, max: 256, share: 16 };

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

  contains(address: string): boolean {
    const ip = parseIp(address);
    return ip !== undefined && `IPv${ip.family}` === this.family && this.#pool.contains(ip.value);
  }

  /** Why an address that it contains cannot be had, or undefined. */
  async take(address: string, allocation: Allocation, context: RequestContext): Promise<string | undefined> {
    // A dry run does not ask whether somebody has it.
    if (context.dryRun) return undefined;
    const { value: number } = parseIp(address) as IpAddress;
    if (!(await this.#pool.take(number, allocation.holder))) return "provided IP is already allocated";
    allocation.undo(() => this.#pool.release(number, allocation.holder));
    return undefined;
  }

  /** Undefined where all are taken. */
  async takeAny(allocation: Allocation, context: RequestContext): Promise<string | undefined> {
    // A dry run takes nothing and shows an address that can be nobody's.
    if (context.dryRun) return formatIp({ family: this.#cidr.family, value: this.#cidr.base });
    try {
      const value = await this.#pool.takeAny(allocation.holder);
      allocation.undo(() => this.#pool.release(value, allocation.holder));
      return formatIp({ family: this.#cidr.family, value });
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      return undefined;
    }
  }

  /** Of this family; whether the range still holds it makes no difference. */
  async release(address: string, holder: Holder): Promise<void> {
    const number = parseIp(address)?.value;
    if (number !== undefined) await this.#pool.release(number, holder);
  }
}
