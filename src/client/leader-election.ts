import { formatMicroTime, type KubeObject, parseTime, StatusError } from "../apimachinery/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import { pause } from "./backoff.ts";
import { errorText, type Log } from "./log.ts";
import type { Client, ResourceScope } from "./ports.ts";

export interface LeaderElectionOptions {
  readonly client: Client;
  /** The Lease object that the candidates compete for. */
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique among the candidates. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Ends the candidacy; a leader gives the lease back, so that the next one need not wait. */
  readonly signal: AbortSignal;
  /** Leads until its signal fires. Its end while leading ends the candidacy. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  readonly onNewLeader?: (identity: string) => void;
  /** How long others wait for a silent leader. 15,000 by default. */
  readonly leaseDurationMs?: number;
  /** A leader that could not renew for so long steps down. 10,000 by default. */
  readonly renewDeadlineMs?: number;
  /** Between tries. 2,000 by default. */
  readonly retryPeriodMs?: number;
}

/** Between tries of those that wait, a period is stretched by up to this share. */
const retryJitter = 1.2;

/**
 * Competes for a Lease until the signal fires: client-go's leader election. A candidate takes a lease that nobody holds or
 * that did not change for its whole duration as this candidate's monotonic clock counts it; the clocks of the
 * candidates are never compared. It does not fence: a leader that is stopped for long may believe for up to
 * renewDeadlineMs that it leads, so what it does must be guarded by resourceVersions, as all controllers' writes are.
 */
export async function runLeaderElection(options: LeaderElectionOptions): Promise<void> {
  const { clock, random, log, signal, identity } = options;
  const leaseDurationMs = options.leaseDurationMs ?? 15_000;
  const renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
  const retryPeriodMs = options.retryPeriodMs ?? 2_000;
  const candidate = new Candidate(options, leaseDurationMs);

  while (!signal.aborted) {
    if (!(await candidate.tryAcquireOrRenew())) {
      await pause(clock, retryPeriodMs * (1 + retryJitter * random.number()), signal);
      continue;
    }
    log.info("leading", { lease: options.lease.name, identity });
    const leading = new AbortController();
    const stop = (): void => leading.abort();
    signal.addEventListener("abort", stop);
    let ended = false;
    const work = options
      .lead(leading.signal)
      .catch((error: unknown) => log.error("the leader's work failed", { error: errorText(error) }))
      .finally(() => {
        ended = true;
        leading.abort();
      });
    let renewed = clock.monotonic();
    while (!leading.signal.aborted) {
      await pause(clock, retryPeriodMs, leading.signal);
      if (leading.signal.aborted) break;
      const asked = clock.monotonic();
      const left = renewDeadlineMs - (asked - renewed);
      if (left > 0 && (await within(clock, left, candidate.tryAcquireOrRenew()))) renewed = asked;
      else if (clock.monotonic() - renewed >= renewDeadlineMs || !candidate.mayLead) {
        log.warn("lost the lease", { lease: options.lease.name, identity });
        leading.abort();
      }
    }
    signal.removeEventListener("abort", stop);
    await work;
    await candidate.release();
    if (ended && !signal.aborted && !candidate.mayLead) continue;
  }
}

/** What one candidate knows of the lease. */
class Candidate {
  readonly #options: LeaderElectionOptions;
  readonly #scope: ResourceScope;
  readonly #leaseDurationMs: number;
  /** The lease as last seen, and when it last looked different, monotonic. */
  #observed: KubeObject | undefined;
  #observedSpec = "";
  #observedAt = 0;
  #reportedLeader = "";

  constructor(options: LeaderElectionOptions, leaseDurationMs: number) {
    this.#options = options;
    this.#leaseDurationMs = leaseDurationMs;
    this.#scope = {
      group: "coordination.k8s.io",
      version: "v1",
      resource: "leases",
      namespace: options.lease.namespace,
    };
  }

  /** The last look at the lease showed this candidate as its holder. */
  get mayLead(): boolean {
    return this.#observed?.spec?.holderIdentity === this.#options.identity;
  }

  async tryAcquireOrRenew(): Promise<boolean> {
    const { client, log } = this.#options;
    try {
      // A leader whose lease nobody touched renews without looking first.
      if (this.mayLead && this.#isValid()) {
        try {
          this.#observe(await client.update(this.#scope, this.#claim(this.#observed as KubeObject)));
          return true;
        } catch (error) {
          if (!(error instanceof StatusError)) throw error;
        }
      }
      let current: KubeObject;
      try {
        current = await client.get(this.#scope, this.#options.lease.name);
      } catch (error) {
        if (!(error instanceof StatusError) || error.code !== 404) throw error;
        this.#observe(await client.create(this.#scope, this.#claim(undefined)));
        return true;
      }
      this.#observe(current);
      const holder = current.spec?.holderIdentity ?? "";
      if (holder !== "" && !this.mayLead && this.#isValid()) return false;
      this.#observe(await client.update(this.#scope, this.#claim(current)));
      return true;
    } catch (error) {
      log.debug("cannot take or renew the lease", { error: errorText(error) });
      return false;
    }
  }

  /** Gives the lease back, if it is ours. Never rejects. */
  async release(): Promise<void> {
    if (!this.mayLead) return;
    const { client, clock, log } = this.#options;
    const now = formatMicroTime(clock.now());
    const lease = this.#observed as KubeObject;
    const spec = {
      ...lease.spec,
      holderIdentity: "",
      leaseDurationSeconds: 1,
      renewTime: now,
      acquireTime: now,
    };
    try {
      this.#observe(await client.update(this.#scope, { ...lease, spec }));
    } catch (error) {
      this.#observed = undefined;
      log.debug("cannot give the lease back", { error: errorText(error) });
    }
  }

  #isValid(): boolean {
    const seconds = Number(this.#observed?.spec?.leaseDurationSeconds ?? 0);
    const durationMs = this.mayLead ? this.#leaseDurationMs : Math.max(seconds * 1_000, 0);
    return this.#observedAt + durationMs > this.#options.clock.monotonic();
  }

  #claim(current: KubeObject | undefined): KubeObject {
    const { clock, identity, lease } = this.#options;
    const now = formatMicroTime(clock.now());
    const held = current?.spec?.holderIdentity === identity;
    const transitions = Number(current?.spec?.leaseTransitions ?? 0);
    const acquired: unknown = current?.spec?.acquireTime;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: current?.metadata ?? { name: lease.name, namespace: lease.namespace },
      spec: {
        ...current?.spec,
        holderIdentity: identity,
        leaseDurationSeconds: Math.round(this.#leaseDurationMs / 1_000),
        acquireTime:
          held && typeof acquired === "string" && parseTime(acquired) !== undefined ? acquired : now,
        renewTime: now,
        leaseTransitions: current === undefined || held ? transitions : transitions + 1,
      },
    };
  }

  #observe(lease: KubeObject): void {
    const spec = JSON.stringify(lease.spec ?? {});
    if (spec !== this.#observedSpec) {
      this.#observedSpec = spec;
      this.#observedAt = this.#options.clock.monotonic();
    }
    this.#observed = lease;
    const leader: string = lease.spec?.holderIdentity ?? "";
    if (leader === this.#reportedLeader) return;
    this.#reportedLeader = leader;
    if (leader !== "") this.#options.onNewLeader?.(leader);
  }
}

/** The answer, or false when it takes longer than `milliseconds`. */
function within(clock: Clock, milliseconds: number, answer: Promise<boolean>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(milliseconds, () => resolve(false), { background: true });
    void answer.then((value) => {
      timer.cancel();
      resolve(value);
    });
  });
}
