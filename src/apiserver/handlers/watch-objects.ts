import type { KubeObject, WatchEvent } from "../../apimachinery/index.ts";
import type { StorageError, StorageEvent, StorageWatch, WatchSink } from "../../storage/index.ts";
import { EventQueue } from "../event-queue.ts";
import type { InProcessResponse } from "../in-process.ts";
import { watchBacklogEventsMax } from "../limits.ts";
import type { ResourceCall } from "./call.ts";
import { bookmark, holdOpen, statusOf } from "./open-watch.ts";

/** Hands events to a reader of this process: nothing is encoded, copied or decoded. */
export class EventStream implements WatchSink {
  readonly #call: ResourceCall;
  readonly #response: InProcessResponse;
  readonly #events = new EventQueue(() => this.#end());
  #ended = false;
  #release: () => void = () => {};

  constructor(call: ResourceCall) {
    this.#call = call;
    this.#response = call.context.res as unknown as InProcessResponse;
  }

  start(open: StorageWatch, timeoutSeconds: number): void {
    this.#release = holdOpen(this.#call, open, timeoutSeconds, () => this.#end());
    this.#response.on("close", () => this.#end());
    this.#response.openEvents(this.#events);
    if (!this.#ended) return;
    this.#release();
    this.#response.end();
  }

  onEvents(events: readonly StorageEvent[]): boolean {
    if (this.#ended || this.#events.size > watchBacklogEventsMax) return false;
    this.#events.push(events.map((event) => this.#eventOf(event)));
    return true;
  }

  onClosed(error: StorageError | undefined): void {
    if (error !== undefined)
      this.#events.push([{ type: "ERROR", object: statusOf(error) as object as KubeObject }]);
    this.#end();
  }

  #eventOf(event: StorageEvent): WatchEvent {
    const { object } = event.type === "BOOKMARK" ? bookmark(this.#call, event) : event.stored;
    return { type: event.type, object };
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
    this.#events.end();
    if (this.#response.headersSent) this.#response.end();
  }
}
