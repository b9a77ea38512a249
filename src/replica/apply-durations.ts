/** How long each entry of the log took to be applied, by what it does, under etcd's names for that. */
import type { Op, Txn } from "../kv/index.ts";
import type { Counter, Histogram, Metrics } from "../telemetry/index.ts";
import type { Command } from "./command.ts";
import { doubling } from "./durations.ts";
import { slowApplyMs } from "./limits.ts";

export class ApplyDurations {
  readonly #series = new Map<string, { readonly succeeded: Histogram; failed: Histogram | undefined }>();
  readonly #of: (op: string, success: "true" | "false") => Histogram;
  readonly #slow: Counter;

  constructor(metrics: Metrics) {
    const family = metrics.histogram(
      "etcd_server_apply_duration_seconds",
      "Time to apply an entry of the log.",
      doubling(0.0001, 20),
      ["version", "op", "success"],
    );
    this.#of = (op, success) => family.with("v3", op, success);
    this.#slow = metrics
      .counter("etcd_server_slow_apply_total", `Entries that took more than ${slowApplyMs} ms to apply.`)
      .with();
  }

  /** `entries`: so many like this one took so long each. */
  observe(command: Command, succeeded: boolean, milliseconds: number, entries = 1): void {
    if (milliseconds > slowApplyMs) this.#slow.add(entries);
    const op = operationOf(command);
    let series = this.#series.get(op);
    if (series === undefined) {
      series = { succeeded: this.#of(op, "true"), failed: undefined };
      this.#series.set(op, series);
    }
    if (succeeded) return series.succeeded.observe(milliseconds / 1000, entries);
    series.failed ??= this.#of(op, "false");
    series.failed.observe(milliseconds / 1000, entries);
  }
}

const accessOperations: Readonly<Record<(Command & { type: "access" })["change"]["action"], string>> = {
  enable: "AuthEnable",
  disable: "AuthDisable",
  authenticate: "Authenticate",
  "add-user": "AuthUserAdd",
  "delete-user": "AuthUserDelete",
  "change-password": "AuthUserChangePassword",
  "grant-role": "AuthUserGrantRole",
  "revoke-role": "AuthUserRevokeRole",
  "add-role": "AuthRoleAdd",
  "delete-role": "AuthRoleDelete",
  "grant-permission": "AuthRoleGrantPermission",
  "revoke-permission": "AuthRoleRevokePermission",
};

const operations: Readonly<Record<Exclude<Command["type"], "txn" | "access">, string>> = {
  compact: "Compaction",
  "lease-grant": "LeaseGrant",
  "lease-revoke": "LeaseRevoke",
  "lease-checkpoint": "LeaseCheckpoint",
  "member-attributes": "ClusterMemberAttrSet",
  "member-peer-urls": "ClusterMemberUpdate",
  alarm: "Alarm",
};

function operationOf(command: Command): string {
  if (command.type === "access") return accessOperations[command.change.action];
  if (command.type !== "txn") return operations[command.type];
  const type = onlyOperation(command.txn)?.type;
  return type === "put" ? "Put" : type === "delete" ? "DeleteRange" : "Txn";
}

export function isPut(command: Command): boolean {
  return command.type === "txn" && onlyOperation(command.txn)?.type === "put";
}

/** A put and a deletion are transactions of one operation here. */
function onlyOperation({ compare, success, failure }: Txn): Op | undefined {
  return compare.length === 0 && success.length === 1 && failure.length === 0 ? success[0] : undefined;
}
