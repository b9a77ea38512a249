/**
 * Compaction by itself, at etcd's times (server/etcdserver/api/v3compactor), on whoever leads.
 *
 *   revision   every five minutes: all but the last so many revisions go
 *   periodic   revisions are written down ten times an hour, or ten times in a shorter period; once the first period is over, what is
 *              older than it goes, every hour, or every period where that is shorter
 *
 * Members that do not lead keep the periodic record too, so that a new leader goes on where the old one was.
 */
import { assert, type Revision } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { Clock, Timer } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";

export type AutoCompactionPolicy =
  | { readonly mode: "revision"; readonly revisionsKept: number }
  | { readonly mode: "periodic"; readonly periodMs: number };

export interface AutoCompactionOptions {
  readonly policy: AutoCompactionPolicy;
  readonly clock: Clock;
  readonly log: Log;
  readonly revision: () => Revision;
  readonly leads: () => boolean;
  /** @throws KvError */
  readonly compact: (revision: Revision) => Promise<unknown>;
}

const revisionIntervalMs = 5 * 60_000;
const hourMs = 3_600_000;
/** Revisions written down in an interval between two compactions. */
const samplesPerInterval = 10;

/** Runs until the function it answers is called. */
export function startAutoCompaction(options: AutoCompactionOptions): () => void {
  const compaction =
    options.policy.mode === "revision"
      ? byRevision(options, options.policy.revisionsKept)
      : byPeriod(options, options.policy.periodMs);
  return () => compaction.cancel();
}

function byRevision(options: AutoCompactionOptions, kept: number): Timer {
  let done = 0;
  let busy = false;
  const step = async (): Promise<void> => {
    const revision = (options.revision() - kept) as Revision;
    if (busy || !options.leads() || revision <= 0 || revision === done) return;
    busy = true;
    if (await compacted(options, revision)) done = revision;
    busy = false;
  };
  return options.clock.every(revisionIntervalMs, () => void step(), { background: true });
}

function byPeriod(options: AutoCompactionOptions, periodMs: number): Timer {
  const { clock } = options;
  assert(periodMs > 0, `a period of ${periodMs} ms`);
  const intervalMs = Math.min(periodMs, hourMs);
  const sampleMs = intervalMs / samplesPerInterval;
  const samplesMax = Math.floor(periodMs / sampleMs) + 1;
  /** Oldest first: once it is full, the first is of a period ago. */
  const samples: Revision[] = [options.revision()];
  let done = 0;
  let lastAt = clock.monotonic();
  /** The first time a whole period has to pass. */
  let waitMs = periodMs;
  let busy = false;
  const step = async (): Promise<void> => {
    const revision = samples[0] as Revision;
    samples.push(options.revision());
    if (samples.length > samplesMax) samples.shift();
    if (busy || !options.leads() || clock.monotonic() - lastAt < waitMs || revision === done) return;
    waitMs = intervalMs;
    busy = true;
    if (await compacted(options, revision)) {
      done = revision;
      lastAt = clock.monotonic();
    }
    busy = false;
  };
  return clock.every(sampleMs, () => void step(), { background: true });
}

/** True: nothing is left to do up to this revision. */
async function compacted({ compact, log }: AutoCompactionOptions, revision: Revision): Promise<boolean> {
  try {
    await compact(revision);
    log.info("compacted", { revision });
    return true;
  } catch (error) {
    if (error instanceof KvError && error.code === "COMPACTED") return true;
    // The next interval tries again.
    log.warn("could not compact", { revision, error: (error as Error).message });
    return false;
  }
}
