import { StorageError, type StorageEvent, type Stored, type WatchSink } from "../../storage/index.ts";
import { transientObject } from "../transient.ts";

/** Batches of a watch that wait for their conversion; beyond it the watch ends and its client lists again. */
const waitingBatchesMax = 1000;

export interface ConvertingSinkOptions {
  readonly sink: WatchSink;
  readonly show: (stored: Stored) => Stored | Promise<Stored>;
  /** Which of those shown the watch is about; undefined where it is about all that comes. */
  readonly select: ((shown: Stored) => boolean) | undefined;
}

/** Hands the events of a watch on in order, converted; those that wait for a webhook and those behind them later. */
export class ConvertingSink implements WatchSink {
  readonly #options: ConvertingSinkOptions;
  /** What is under way; undefined while nothing is. */
  #tail: Promise<void> | undefined;
  #waiting = 0;
  #refused = false;
  #onEnd: () => void = () => {};

  constructor(options: ConvertingSinkOptions) {
    this.#options = options;
  }

  onEnd(callback: () => void): void {
    this.#onEnd = callback;
  }

  onEvents(events: readonly StorageEvent[]): boolean {
    if (this.#refused) return false;
    const shown = events.map((event) => this.#convert(event));
    const later = shown.some((event) => event instanceof Promise);
    if (!later && this.#tail === undefined) return this.#deliver(shown as Shown[]);
    if (this.#waiting >= waitingBatchesMax) return false;
    this.#waiting++;
    const before = this.#tail ?? Promise.resolve();
    const tail: Promise<void> = before.then(async () => {
      try {
        const ready = await Promise.all(shown);
        if (!this.#refused && !this.#deliver(ready)) this.#refused = true;
      } catch (error) {
        this.#refused = true;
        this.#options.sink.onClosed(new StorageError("UNAVAILABLE", "", (error as Error).message));
      } finally {
        this.#waiting--;
        if (this.#tail === tail) this.#tail = undefined;
      }
    });
    this.#tail = tail;
    return true;
  }

  #deliver(shown: readonly Shown[]): boolean {
    const events = shown.filter((event) => event !== undefined);
    return events.length === 0 || this.#options.sink.onEvents(events);
  }

  #convert(event: StorageEvent): Shown | Promise<Shown> {
    if (event.type === "BOOKMARK") return event;
    const { show, select } = this.#options;
    // What a change found was shown before, most likely; what it left bears a new revision.
    const { stored, previous } = event;
    const now = event.type === "DELETED" && previous !== undefined ? previous : stored;
    const before = select !== undefined && event.type === "MODIFIED" ? previous : undefined;
    const shown = [now, ...(before === undefined ? [] : [before])].map(show);
    const finish = ([current, earlier]: readonly Stored[]): Shown =>
      event.type === "DELETED" && select === undefined && current === previous
        ? event
        : seen(event, current as Stored, earlier, select);
    return shown.some((each) => each instanceof Promise)
      ? Promise.all(shown).then(finish)
      : finish(shown as Stored[]);
  }

  onClosed(error: StorageError | undefined): void {
    this.#onEnd();
    if (this.#tail === undefined) this.#options.sink.onClosed(error);
    else void this.#tail.then(() => this.#options.sink.onClosed(error));
  }
}

/** Undefined: nothing that the watch is about. */
type Shown = StorageEvent | undefined;

/** What an event means to a watch that is about a selection of what is shown: `current` is what a deletion took away. */
function seen(
  { type, stored }: Exclude<StorageEvent, { type: "BOOKMARK" }>,
  current: Stored,
  earlier: Stored | undefined,
  select: ConvertingSinkOptions["select"],
): Shown {
  if (type === "DELETED") {
    if (select !== undefined && !select(current)) return undefined;
    return { type, stored: at(current, stored) };
  }
  if (select === undefined) return { type, stored: current };
  const isIn = select(current);
  const wasIn = earlier !== undefined && select(earlier);
  if (isIn) return { type: wasIn ? "MODIFIED" : "ADDED", stored: current };
  return wasIn ? { type: "DELETED", stored: at(earlier, stored) } : undefined;
}

/** An object as it was, at the revision of what became of it. */
function at(shown: Stored, { resourceVersion }: Stored): Stored {
  const { metadata } = shown.object;
  return transientObject(shown.key, { ...shown.object, metadata: { ...metadata, resourceVersion } });
}
