import { formatTime, type KubeObject, parseTime } from "../../../apimachinery/index.ts";
import type { Clock, Random } from "../../../platform/index.ts";
import { type Storage, StorageError } from "../../../storage/index.ts";
import { everything } from "./everything.ts";

/** Who holds something: a Service. */
export interface Holder {
  readonly namespace: string;
  readonly name: string;
}

/** What the server says of an object that begins to be. */
export interface Birth {
  readonly uid: string;
  readonly time: string;
}

export interface ReservationsOptions {
  /** Where the reservations stand, one object each. */
  store(): { readonly storage: Storage; readonly keyPrefix: string };
  readonly clock: Clock;
  readonly random: Random;
  /** The object that says that `name` is held, as it is stored. */
  describe(name: string, holder: Holder, birth: Birth): KubeObject;
  holderOf(object: KubeObject): Holder | undefined;
  /** Whether the holder really has it. */
  isHeld(name: string, holder: Holder): Promise<boolean>;
}

/**
 * How long a reservation counts although its holder does not have it: creating the holder takes a moment, and only a server that
 * ended in that moment leaves a reservation behind.
 */
const graceMs = 60_000;

/**
 * Things that only one Service can have: addresses, ports. Each is an object of its own in the store, made by a transaction that
 * succeeds once, so any number of servers may hand them out at the same time and none is forgotten by a restart. What a crashed
 * server left behind is taken over by the next who wants it.
 */
export class Reservations {
  readonly #options: ReservationsOptions;

  constructor(options: ReservationsOptions) {
    this.#options = options;
  }

  /** False: somebody else has it. @throws StorageError */
  async take(name: string, holder: Holder): Promise<boolean> {
    const { storage, keyPrefix } = this.#options.store();
    try {
      await storage.create(keyPrefix + name, this.#describe(name, holder));
      return true;
    } catch (error) {
      if (!isCode(error, "KEY_EXISTS")) throw error;
      return await this.#takeOver(name, holder);
    }
  }

  async isTaken(name: string): Promise<boolean> {
    const { storage, keyPrefix } = this.#options.store();
    try {
      await storage.get(keyPrefix + name);
      return true;
    } catch (error) {
      if (isCode(error, "KEY_NOT_FOUND")) return false;
      throw error;
    }
  }

  /** Every name that is taken. */
  async taken(): Promise<Set<string>> {
    const { storage, keyPrefix } = this.#options.store();
    const list = await storage.list(keyPrefix, everything);
    return new Set(list.items.map(({ key }) => key.slice(keyPrefix.length)));
  }

  /** Gives back what the holder has; what somebody else has stays theirs. */
  async release(name: string, holder: Holder): Promise<void> {
    const { storage, keyPrefix } = this.#options.store();
    try {
      await storage.delete(keyPrefix + name, ({ object }) => {
        if (!sameHolder(this.#options.holderOf(object), holder)) throw new NotOurs();
      });
    } catch (error) {
      if (!(error instanceof NotOurs) && !isCode(error, "KEY_NOT_FOUND")) throw error;
    }
  }

  async #takeOver(name: string, holder: Holder): Promise<boolean> {
    const { storage, keyPrefix } = this.#options.store();
    try {
      await storage.guaranteedUpdate(keyPrefix + name, async (current) => {
        const object = current?.object;
        const since = parseTime(object?.metadata.creationTimestamp ?? "") ?? 0;
        if (this.#options.clock.now() - since < graceMs) throw new NotOurs();
        const present = object === undefined ? undefined : this.#options.holderOf(object);
        if (present !== undefined && (await this.#options.isHeld(name, present))) throw new NotOurs();
        return this.#describe(name, holder);
      });
      return true;
    } catch (error) {
      if (error instanceof NotOurs) return false;
      // Given back in this very moment.
      if (isCode(error, "KEY_NOT_FOUND")) return await this.take(name, holder);
      throw error;
    }
  }

  #describe(name: string, holder: Holder): KubeObject {
    const { clock, random, describe } = this.#options;
    return describe(name, holder, { uid: random.uuid(), time: formatTime(clock.now()) });
  }
}

class NotOurs extends Error {}

const sameHolder = (a: Holder | undefined, b: Holder): boolean =>
  a?.namespace === b.namespace && a.name === b.name;

const isCode = (error: unknown, code: StorageError["code"]): boolean =>
  error instanceof StorageError && error.code === code;
