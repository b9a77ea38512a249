/** A constant load: so many requests a second, each on a connection of its own, whatever became of those before. */
import { request } from "node:http";

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** The Host header, where it is not where the connection goes. */
  readonly name?: string;
}

export interface Reply {
  readonly body: string;
  readonly servedBy: string;
}

const requestTimeoutMs = 10_000;

/** @throws Error where the answer is not 200 */
export function ask({ host, port, path, name }: Target): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = name === undefined ? {} : { host: name };
    const asking = request(
      { host, port, path, headers, agent: false, timeout: requestTimeoutMs },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk) => {
          body += chunk;
        });
        answer.on("error", reject);
        answer.on("end", () => {
          if (answer.statusCode === 200) resolve({ body, servedBy: String(answer.headers["x-served-by"]) });
          else reject(new Error(`status ${answer.statusCode}`));
        });
      },
    );
    asking.on("timeout", () => asking.destroy(new Error(`nothing within ${requestTimeoutMs} ms`)));
    asking.on("error", reject);
    asking.end();
  });
}

/** What became of the requests of one scene. */
export interface Tally {
  sent: number;
  failed: number;
  readonly errors: Map<string, number>;
  readonly servedBy: Set<string>;
  readonly latenciesMs: number[];
}

const emptyTally = (): Tally => ({
  sent: 0,
  failed: 0,
  errors: new Map(),
  servedBy: new Set(),
  latenciesMs: [],
});

export class Load {
  readonly #targets: readonly Target[];
  readonly #timer: NodeJS.Timeout;
  readonly #pending = new Set<Promise<void>>();
  #tally = emptyTally();
  #turn = 0;

  /** Round robin over the targets. */
  constructor(targets: readonly Target[], perSecond: number) {
    this.#targets = targets;
    const began = performance.now();
    // By the clock and not by the tick: a busy machine does not lower the rate.
    this.#timer = setInterval(() => {
      while (this.#turn < ((performance.now() - began) / 1000) * perSecond) this.#send();
    }, 5);
  }

  #send(): void {
    const target = this.#targets[this.#turn++ % this.#targets.length] as Target;
    const tally = this.#tally;
    tally.sent++;
    const began = performance.now();
    const sent = ask(target).then(
      ({ servedBy }) => {
        tally.servedBy.add(servedBy);
        tally.latenciesMs.push(performance.now() - began);
      },
      (error: Error) => {
        tally.failed++;
        const what = `${target.name ?? target.host}: ${error.message}`;
        tally.errors.set(what, (tally.errors.get(what) ?? 0) + 1);
      },
    );
    this.#pending.add(sent);
    void sent.finally(() => this.#pending.delete(sent));
  }

  /** What was asked since the last scene, once all of it is answered; a new scene begins. */
  async scene(): Promise<Tally> {
    const tally = this.#tally;
    this.#tally = emptyTally();
    await Promise.all(this.#pending);
    return tally;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
  }
}
