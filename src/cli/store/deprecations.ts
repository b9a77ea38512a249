/** What etcd 3.6 says of flags that are on their way out: scripts that are started with them hear it here, too. */
import { flags } from "./flags.ts";

const prefix = "experimental-";

/** Flags that have become feature gates. */
const gates: Readonly<Record<string, string>> = {
  "compact-hash-check-enabled": "CompactHashCheck",
  "enable-lease-checkpoint": "LeaseCheckpoint",
  "enable-lease-checkpoint-persist": "LeaseCheckpointPersist",
  "initial-corrupt-check": "InitialCorruptCheck",
  "stop-grpc-service-on-defrag": "StopGRPCServiceOnDefrag",
  "txn-mode-write-with-shared-buffer": "TxnModeWriteWithSharedBuffer",
};

const others: Readonly<Record<string, string>> = {
  "max-snapshots": "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.",
  "v2-deprecation":
    "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.",
};

/** A line for each of them that is set. */
export function deprecations(set: Iterable<string>): string[] {
  return [...set].flatMap((name) => others[name] ?? ofExperimental(name));
}

function ofExperimental(name: string): string[] {
  if (!name.startsWith(prefix)) return [];
  const now = name.slice(prefix.length);
  const gate = gates[now];
  const instead =
    gate !== undefined ? `--feature-gates=${gate}=true` : flags.has(now) ? `--${now}` : undefined;
  const hint = instead === undefined ? "" : ` Use '${instead}' instead.`;
  return [`--${name} is deprecated in v3.6 and will be decommissioned in v3.7.${hint}`];
}
