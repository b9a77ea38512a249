import { fromUtf8, noLease, type Revision, utf8 } from "../../base/index.ts";
import { type Kv, KvError } from "../../kv/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";

/** kube-apiserver's key: ours and theirs take turns on one etcd. Its version counts the rounds, its value is the revision of the last. */
const compactionKey = utf8("compact_rev_key");

/**
 * Forgets what is older than one interval, as kube-apiserver does (k8s.io/apiserver/pkg/storage/etcd3/compact.go). Of all servers on one etcd
 * the first that comes to a round's end raises the key's version, and compacts to where the store was at the end of the round before; the others learn
 * from the key where the store was. So history is kept for at least one interval, whoever starts or stops.
 */
export function keepCompacting(options: {
  readonly kv: Kv;
  readonly clock: Clock;
  /** 0: never. */
  readonly intervalMs: number;
  readonly log: Log;
}): { stop(): void } {
  const { kv, clock, intervalMs, log } = options;
  if (intervalMs === 0) return { stop: () => {} };
  let round = 0;
  let revision = 0 as Revision;
  const turn = async (): Promise<void> => {
    const { succeeded, header, results } = await kv.txn({
      compare: [{ key: compactionKey, target: "version", result: "equal", version: round }],
      success: [{ type: "put", key: compactionKey, value: utf8(String(revision)), lease: noLease }],
      failure: [{ type: "range", key: compactionKey }],
    });
    const found = results[0];
    if (!succeeded) {
      const last = found?.type === "range" ? found.kvs[0] : undefined;
      round = last?.version ?? 0;
      revision = header.revision;
      log.debug("another server compacts", { revision: last && fromUtf8(last.value) });
      return;
    }
    const before = revision;
    round++;
    revision = header.revision;
    if (before === 0) return;
    await kv.compact(before);
    log.info("compacted", { revision: before });
  };
  const timer = clock.every(
    intervalMs,
    () => {
      turn().catch((error: unknown) => {
        if (error instanceof KvError && error.code === "COMPACTED") return;
        log.warn("compaction failed", { error: (error as Error).message });
      });
    },
    { background: true },
  );
  return { stop: () => timer.cancel() };
}
