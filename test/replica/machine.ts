import type { NumberSource } from "../../src/base/index.ts";
import {
  type Connection,
  type Disk,
  type Listener,
  nodePlatform,
  type Platform,
  type Timer,
} from "../../src/platform/index.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";

/**
 * A machine that can lose its power: sockets on loopback, a disk in memory. When it does, its timers stop, its connections break, its
 * disk answers nobody; what runs on it is never heard of again. `powerOn` gives the same machine after a reboot.
 */
export class Machine {
  readonly platform: Platform;
  disk: MemoryDisk;
  #timers = new Set<Timer>();
  #listeners = new Set<Listener>();
  #connections = new Set<Connection>();
  #dead = false;

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    const real = nodePlatform();
    this.disk = disk;
    const track = (connection: Connection): Connection => {
      this.#connections.add(connection);
      connection.stream.on("close", () => this.#connections.delete(connection));
      if (this.#dead) connection.stream.destroy();
      return connection;
    };
    const timer = (made: Timer): Timer => {
      this.#timers.add(made);
      if (this.#dead) made.cancel();
      return made;
    };
    this.platform = {
      random: real.random,
      loop: real.loop,
      disk: disk as Disk,
      clock: {
        now: () => real.clock.now(),
        monotonic: () => real.clock.monotonic(),
        after: (milliseconds, fire, options) => timer(real.clock.after(milliseconds, fire, options)),
        every: (milliseconds, fire, options) => timer(real.clock.every(milliseconds, fire, options)),
      },
      network: {
        listen: async (options, onConnection) => {
          const listener = await real.network.listen(options, (connection) =>
            onConnection(track(connection)),
          );
          this.#listeners.add(listener);
          return listener;
        },
        connect: async (options) => {
          if (this.#dead) return new Promise<never>(() => {});
          return track(await real.network.connect(options));
        },
        bindDatagrams: () => Promise.reject(new Error("members send no datagrams")),
      },
    };
  }

  async powerOff(): Promise<void> {
    this.#dead = true;
    this.disk.haltAfter = 0;
    for (const timer of this.#timers) timer.cancel();
    for (const { stream } of this.#connections) stream.destroy();
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
  }

  /** After power loss; the disk may have lost what was not synced. */
  powerOn(random: NumberSource): Machine {
    return new Machine(this.disk.crash(random));
  }

  /** After a killed process: the disk has everything that was written. */
  restarted(): Machine {
    return new Machine(this.disk.reopen());
  }
}
