/**
 * How much room the disk has. The log must never meet a full disk: a write that fails ends the member. So while there is still room for the
 * log to go on and for another image, a member that finds less than that says so, and the alarm NOSPACE stops what takes space.
 */
import type { Clock, Disk } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";
import { diskLookMs, diskReserveBytesDefault } from "./limits.ts";

export interface DiskSpaceOptions {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Log;
  readonly directory: string;
  /** Bytes that must stay free besides room for an image; `diskReserveBytesDefault` when left out. */
  readonly reserveBytes: number | undefined;
  /** About what an image of now would weigh. */
  readonly imageBytes: () => number;
  /** Written to the log in this life. */
  readonly logBytes: () => number;
  readonly onLow: () => void;
}

export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  #isLow = false;
  #isLooking = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #logBytesThen = 0;

  constructor(options: DiskSpaceOptions) {
    this.#options = options;
  }

  /** There is less room than the log and the next image may need. */
  get isLow(): boolean {
    return this.#isLow;
  }

  /** Looks again, if it is time, or a good part of the reserve may be gone. */
  tick(): void {
    const { clock, disk, directory, logBytes, reserveBytes = diskReserveBytesDefault } = this.#options;
    const now = clock.monotonic();
    const written = logBytes() - this.#logBytesThen;
    if (this.#isLooking || (now - this.#lookedAt < diskLookMs && written < reserveBytes / 8)) return;
    this.#lookedAt = now;
    this.#logBytesThen = logBytes();
    this.#isLooking = true;
    disk
      .freeBytes(directory)
      // A file system that does not tell has no bound that we could keep.
      .then(
        (bytes) => this.#found(bytes),
        () => {},
      )
      .finally(() => {
        this.#isLooking = false;
      });
  }

  #found(freeBytes: number): void {
    const { log, reserveBytes = diskReserveBytesDefault, imageBytes, onLow, directory } = this.#options;
    const neededBytes = reserveBytes + imageBytes();
    const isLow = freeBytes < neededBytes;
    if (isLow !== this.#isLow) {
      if (isLow) log.warn("the disk is almost full", { directory, freeBytes, neededBytes });
      else log.info("the disk has room again", { directory, freeBytes });
    }
    this.#isLow = isLow;
    if (isLow) onLow();
  }
}
