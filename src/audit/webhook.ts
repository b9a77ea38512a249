import { stringifyJson } from "../apimachinery/index.ts";
import type { Transport } from "../client/index.ts";
import { pause } from "../client/index.ts";
import type { Clock } from "../platform/index.ts";
import { webhookBackoffFactor, webhookTimeoutMs, webhookTriesMax } from "./limits.ts";
import type { AuditEvent, AuditSink } from "./types.ts";

/** Upstream's flags `--audit-webhook-batch-*` and `--audit-webhook-initial-backoff`. */
export interface WebhookOptions {
  /** Path of the webhook on its server. */
  readonly path: string;
  /** Events that wait; what comes beyond is lost, and told. */
  readonly bufferMax: number;
  /** Events of one request. */
  readonly batchMax: number;
  /** Milliseconds that an event waits for others. */
  readonly waitMs: number;
  /** Requests a second on average; 0: as many as come. */
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly initialBackoffMs: number;
}

interface WebhookDeps {
  readonly transport: Transport & { close(): Promise<void> };
  readonly clock: Clock;
  /** Told when events are lost. */
  onTrouble(message: string): void;
}

/** Sends events in lists to a program of somebody's, one list after the other. */
export class WebhookSink implements AuditSink {
  readonly #options: WebhookOptions;
  readonly #deps: WebhookDeps;
  readonly #waiting: AuditEvent[] = [];
  readonly #ending = new AbortController();
  #timer: { cancel(): void } | undefined;
  #sending: Promise<void> | undefined;
  #lost = 0;

  constructor(options: WebhookOptions, deps: WebhookDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  write(event: AuditEvent): void {
    const { bufferMax, batchMax, waitMs } = this.#options;
    if (this.#waiting.length >= bufferMax) {
      this.#lost++;
      return;
    }
    this.#waiting.push(event);
    if (this.#waiting.length >= batchMax) this.#send();
    else this.#timer ??= this.#deps.clock.after(waitMs, () => this.#send(), { background: true });
  }

  /** What waits is sent once more, and then given up. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#send();
    await this.#sending;
    await this.#deps.transport.close();
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  async #sendAll(): Promise<void> {
    const { batchMax, requestsPerSecond } = this.#options;
    while (this.#waiting.length > 0) {
      const items = this.#waiting.splice(0, batchMax);
      if (this.#lost > 0)
        this.#deps.onTrouble(`${this.#lost} audit events are lost: the webhook does not keep up`);
      this.#lost = 0;
      await this.#deliver(items);
      if (requestsPerSecond > 0) await this.#wait(1000 / requestsPerSecond);
    }
  }

  async #deliver(items: readonly AuditEvent[]): Promise<void> {
    const body = stringifyJson({ kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items });
    let backoffMs = this.#options.initialBackoffMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#post(body);
      } catch (error) {
        if (attempt >= webhookTriesMax || this.#ending.signal.aborted) {
          this.#deps.onTrouble(`${items.length} audit events are lost: ${(error as Error).message}`);
          return;
        }
      }
      await this.#wait(backoffMs);
      backoffMs *= webhookBackoffFactor;
    }
  }

  async #post(body: string): Promise<void> {
    const response = await this.#deps.transport.request({
      method: "POST",
      path: this.#options.path,
      headers: { "content-type": "application/json", accept: "application/json" },
      body,
      signal: AbortSignal.timeout(webhookTimeoutMs),
    });
    for await (const _ of response.body) {
      // The connection is used again once an answer is read.
    }
    if (response.status < 200 || response.status > 299)
      throw new Error(`the webhook answered ${response.status}`);
  }

  async #wait(milliseconds: number): Promise<void> {
    await pause(this.#deps.clock, milliseconds, this.#ending.signal);
  }
}
