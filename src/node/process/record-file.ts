import type { Machine } from "../../platform/index.ts";
import type { PodPlaces } from "./places.ts";
import { encodeRecord, type PodRecord } from "./records.ts";

/** A pod's record on disk, for the agent that comes after this one. */
export class RecordFile {
  readonly #files: Machine["files"];
  readonly #places: PodPlaces;
  readonly #record: PodRecord;
  #saving: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(files: Machine["files"], places: PodPlaces, record: PodRecord) {
    this.#files = files;
    this.#places = places;
    this.#record = record;
  }

  /** One write after the other; the last one has everything. */
  save(): Promise<void> {
    this.#saving = this.#saving.catch(() => {}).then(() => this.#write());
    return this.#saving;
  }

  /** Nothing is written any more; resolves when nothing is being written. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#saving.catch(() => {});
  }

  async #write(): Promise<void> {
    if (this.#closed) return;
    await this.#files.makeDirectory(this.#places.directory);
    const next = `${this.#places.record}.new`;
    await this.#files.write(next, Buffer.from(encodeRecord(this.#record)), 0o600);
    await this.#files.rename(next, this.#places.record);
  }
}
