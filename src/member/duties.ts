/** What a member does besides answering, whichever program it is part of. */
import type { Platform } from "../platform/index.ts";
import { type AutoCompactionPolicy, type Replica, startAutoCompaction } from "../replica/index.ts";
import type { Log } from "../telemetry/index.ts";

/** Between two tries to tell the cluster where this member's clients reach it. Milliseconds. */
const publishRetryMs = 500;

export function compactBehind(
  replica: Replica,
  policy: AutoCompactionPolicy,
  { clock }: Platform,
  log: Log,
): () => void {
  return startAutoCompaction({
    policy,
    clock,
    log: log.channel("compaction"),
    revision: () => replica.header().revision,
    leads: () => replica.status().role === "leader",
    compact: (revision) => replica.compact(revision),
  });
}

/** Tries until the cluster has been told; there may be no leader yet. */
export function publish(
  replica: Replica,
  { clock }: Platform,
  attributes: { name: string; clientUrls: readonly string[] },
  log: Log,
): { readonly done: Promise<void>; stop(): void } {
  let stopped = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  const attempt = () => {
    if (stopped) return;
    replica.publish(attributes).then(resolve, (error: Error) => {
      log.debug("this member's addresses are not published yet", { error: error.message });
      clock.after(publishRetryMs, attempt, { background: true });
    });
  };
  attempt();
  return {
    done: promise,
    stop() {
      stopped = true;
    },
  };
}
