import { errorCode } from "./frames.ts";
import type { StreamReceiver } from "./ports.ts";
import type { RequestHead } from "./request-head.ts";

/** Chunks kept while the receiver pauses, before they are made one: small ones would take more than their bytes. */
const waitingChunksMax = 256;

/** A receiver that also wants to know when our whole answer has been handed over. */
export interface AnsweringReceiver extends StreamReceiver {
  sent?(): void;
}

/**
 * The half of a stream that receives: what the other side sends goes to the receiver, or waits while that pauses, and counts as taken from the
 * windows when the receiver has it.
 */
export abstract class ReceivingStream {
  readonly id: number;
  readonly head: RequestHead;
  /** Bytes the other side may still send (section 6.9). */
  receiveWindow: number;
  /** Bytes taken of it that no WINDOW_UPDATE has given back yet. */
  takenBytes = 0;
  /** END_STREAM has come, or gone. */
  remoteEnded = false;
  localEnded = false;
  /** Set once it is closed. */
  closeCode: number | undefined;
  protected receiver: AnsweringReceiver | undefined;
  #bodyBytes = 0;
  #paused = false;
  /** Most streams never have anything in it. */
  #waiting: Uint8Array[] = none;
  #smallChunks = 0;
  #endDelivered = false;
  #deliveryScheduled = false;
  #closedTold = false;

  constructor(id: number, head: RequestHead, receiveWindow: number) {
    this.id = id;
    this.head = head;
    this.receiveWindow = receiveWindow;
  }

  /** Our side has ended, and nobody wants to hear the rest of the other's. */
  protected abstract get hearsNoMore(): boolean;

  /** The receiver has so many bytes. */
  protected abstract taken(bytes: number): void;

  get closed(): boolean {
    return this.closeCode !== undefined;
  }

  receive(receiver: AnsweringReceiver): void {
    this.receiver = receiver;
    if (this.#waiting.length > 0 || this.remoteEnded) this.#deliverSoon();
    if (this.#closedTold) queueMicrotask(() => receiver.closed(this.closeCode ?? errorCode.noError));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused || this.closed) return;
    this.#paused = false;
    this.#deliverSoon();
  }

  /** Bytes of DATA from the client. False: more than, or at the end less than, its content-length (section 8.1.1). */
  takeData(chunk: Uint8Array, end: boolean): boolean {
    const { contentLength } = this.head;
    this.#bodyBytes += chunk.length;
    if (contentLength !== undefined) {
      if (this.#bodyBytes > contentLength || (end && this.#bodyBytes < contentLength)) return false;
    }
    if (end) this.remoteEnded = true;
    if (this.hearsNoMore) {
      // Nobody listens any more, but the connection's window must not shut.
      this.taken(chunk.length);
      return true;
    }
    if (chunk.length > 0) this.#offer(chunk);
    if (end && !this.closed) this.#offerEnd();
    return true;
  }

  /** The client's side ends without DATA: with its HEADERS, or with trailers. */
  takeEnd(): boolean {
    const { contentLength } = this.head;
    if (contentLength !== undefined && contentLength !== this.#bodyBytes) return false;
    this.remoteEnded = true;
    this.#offerEnd();
    return true;
  }

  /** Drops what has come and was not taken; answers how many bytes that was. */
  discard(): number {
    let bytes = 0;
    for (const chunk of this.#waiting) bytes += chunk.length;
    this.#waiting = none;
    return bytes;
  }

  /** The last that its receiver hears. */
  protected tellClosed(): void {
    if (this.closeCode === undefined || this.#closedTold) return;
    this.#closedTold = true;
    this.receiver?.closed(this.closeCode);
  }

  #offer(chunk: Uint8Array): void {
    if (this.receiver !== undefined && !this.#paused && this.#waiting.length === 0) {
      this.receiver.data(chunk);
      this.taken(chunk.length);
      return;
    }
    if (this.#waiting === none) this.#waiting = [];
    this.#waiting.push(chunk);
    if (++this.#smallChunks < waitingChunksMax) return;
    this.#waiting.push(Buffer.concat(this.#waiting.splice(-waitingChunksMax)));
    this.#smallChunks = 0;
  }

  #offerEnd(): void {
    if (this.#endDelivered || this.receiver === undefined || this.#paused || this.#waiting.length > 0) return;
    this.#endDelivered = true;
    this.receiver.ended();
  }

  /** Never from within a call of the receiver's own. */
  #deliverSoon(): void {
    if (this.#deliveryScheduled) return;
    this.#deliveryScheduled = true;
    queueMicrotask(() => {
      this.#deliveryScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    if (this.receiver === undefined) return;
    while (this.#waiting.length > 0 && !this.#paused) {
      const chunk = this.#waiting.shift() as Uint8Array;
      this.#smallChunks = Math.min(this.#smallChunks, this.#waiting.length);
      this.receiver.data(chunk);
      this.taken(chunk.length);
    }
    if (this.remoteEnded && !this.closed && !this.hearsNoMore) this.#offerEnd();
  }
}

/** Stands for a list that nothing was added to; never to be added to itself. */
const none: Uint8Array[] = [];
