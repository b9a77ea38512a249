/**
 * A program writes its log itself, so that nothing is lost while no agent runs. This keeps the two things beside it that the program does
 * not: when a piece was written (a line `OFFSET MILLISECONDS` of the times file for each growth), and the log's bound.
 */
import type { Machine } from "../../platform/index.ts";
import { logBytesMax, logTimeGrainMs } from "./limits.ts";
import type { ContainerPlaces } from "./places.ts";

export class LogKeeper {
  readonly #machine: Machine;
  readonly #log: string;
  readonly #times: string;
  readonly #unwatch: () => void;
  #size = 0;
  #lastMs = 0;
  #looking = false;
  #again = false;
  #stopped = false;
  #work: Promise<void> = Promise.resolve();

  constructor(machine: Machine, places: ContainerPlaces, start: number) {
    this.#machine = machine;
    this.#log = places.log(start);
    this.#times = places.times(start);
    this.#unwatch = machine.files.watch(this.#log, () => this.#wake());
    this.#wake();
  }

  /** Resolves when nothing is written any more: whoever removes the directory has to wait for that. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#unwatch();
    return this.#work;
  }

  #wake(): void {
    if (this.#stopped) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    this.#work = this.#look();
  }

  async #look(): Promise<void> {
    try {
      do {
        this.#again = false;
        await this.#note();
      } while (this.#again && !this.#stopped);
    } catch {
      // The pod's directory is gone: nobody will ask for its times.
    } finally {
      this.#looking = false;
    }
  }

  async #note(): Promise<void> {
    const { files, clock } = this.#machine;
    const size = (await files.status(this.#log))?.bytes ?? 0;
    if (size <= this.#size) return;
    const now = clock.now();
    if (now - this.#lastMs >= logTimeGrainMs) {
      await files.append(this.#times, Buffer.from(`${this.#size} ${now}\n`));
      this.#lastMs = now;
    }
    this.#size = size;
    if (size > logBytesMax) await this.#cut();
  }

  /** The older half goes. What is written in these microseconds may be lost: the price of a log without a reader between. */
  async #cut(): Promise<void> {
    const { files } = this.#machine;
    const keep = Math.floor(logBytesMax / 2);
    const tail = await files.readAt(this.#log, this.#size - keep, keep);
    const line = tail.indexOf(0x0a) + 1;
    await files.truncate(this.#log, tail.subarray(line));
    await files.write(this.#times, Buffer.from(`0 ${this.#machine.clock.now()}\n`), 0o600);
    this.#size = keep - line;
  }
}
