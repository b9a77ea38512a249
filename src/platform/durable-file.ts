import * as fs from "node:fs";
import { closeDescriptor, openDescriptor, writeAll } from "./file-calls.ts";
import type { Clock } from "./ports.ts";

/** Writes of up to so many bytes may be made on the spot: more than one small request's worth. */
const onTheSpotBytesMax = 4096;
/** A disk is quick where so many small writes in a row took less than `quickMs`. */
export const quickInRowMin = 16;
/** After so many more it has to prove it again. */
export const onTheSpotMax = 240;
/** With the way to another thread and back. A disk whose cache outlives a power loss takes a tenth of a millisecond, others several. */
export const quickMs = 0.5;

/**
 * A file opened so that a write ends when it is on the disk. Write and datasync are one call that way: the second one's way through the thread
 * pool and back takes a sixth of the time that a small write takes.
 *
 * And a small write to a quick disk costs less than that way does. Where its caller has nothing better to do than to wait it is made on the spot, on
 * the main thread. What is slow once goes through the pool until the disk has proved quick again, so a slow disk is never waited for, and one
 * that stalls only with the write that it stalls at. From time to time it has to prove that anyway: where the main thread has come to have much else to do,
 * writes through the pool take long until they are heard of, and stay there.
 */
export class DurableFile {
  readonly #descriptor: number;
  readonly #clock: Pick<Clock, "monotonic">;
  #quickInRow = 0;

  private constructor(descriptor: number, clock: Pick<Clock, "monotonic">) {
    this.#descriptor = descriptor;
    this.#clock = clock;
  }

  /** A file that is there. */
  static async open(path: string, clock: Pick<Clock, "monotonic">): Promise<DurableFile> {
    return new DurableFile(await openDescriptor(path, fs.constants.O_RDWR | fs.constants.O_DSYNC), clock);
  }

  /** So quick that small writes are made on the spot. */
  get isQuick(): boolean {
    return this.#quickInRow >= quickInRowMin;
  }

  /** `alone`: the caller waits, and does nothing else with the file meanwhile. */
  async write(parts: readonly Uint8Array[], position: number, alone: boolean): Promise<void> {
    const only = parts[0];
    if (parts.length !== 1 || only === undefined || only.length > onTheSpotBytesMax)
      return writeAll(this.#descriptor, parts, position);
    const began = this.#clock.monotonic();
    if (alone && this.isQuick) writeNow(this.#descriptor, only, position);
    else await writeAll(this.#descriptor, parts, position);
    const wasQuick = this.#clock.monotonic() - began < quickMs;
    this.#quickInRow = wasQuick && this.#quickInRow < quickInRowMin + onTheSpotMax ? this.#quickInRow + 1 : 0;
  }

  close(): Promise<void> {
    return closeDescriptor(this.#descriptor);
  }
}

function writeNow(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; )
    done += fs.writeSync(descriptor, bytes, done, bytes.length - done, position + done);
}
