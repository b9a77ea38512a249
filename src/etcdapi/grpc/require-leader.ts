import { noMember } from "../../base/index.ts";
import type { Clock, Timer } from "../../platform/index.ts";
import { rpcErrorOf } from "../errors.ts";
import type { ClusterInfo } from "../ports.ts";

/** How often the leader is looked for, and how often in a row it must be missing (etcd: three election time-outs). */
const checkMs = 1000;
const missedChecksMax = 3;

interface Endable {
  end(thrown: unknown): void;
}

/**
 * Calls whose client sent `hasleader: true` rather end than hang on a member that is cut off: clients go on with another one.
 * The clock runs only while there are such calls.
 */
export class LeaderWatch {
  readonly #cluster: ClusterInfo;
  readonly #clock: Clock;
  readonly #calls = new Set<Endable>();
  #timer: Timer | undefined;
  #missed = 0;

  constructor(cluster: ClusterInfo, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  get hasLeader(): boolean {
    return this.#cluster.status().leader !== noMember;
  }

  add(call: Endable): void {
    this.#calls.add(call);
    this.#timer ??= this.#clock.every(checkMs, () => this.#check());
  }

  remove(call: Endable): void {
    if (!this.#calls.delete(call) || this.#calls.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#missed = 0;
  }

  #check(): void {
    this.#missed = this.hasLeader ? 0 : this.#missed + 1;
    if (this.#missed < missedChecksMax) return;
    for (const call of [...this.#calls]) call.end(rpcErrorOf("NO_LEADER"));
  }
}
