/** How long each entry of the log took to be applied, by what it does, under etcd's names for that. */
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

  observe(command: Command, succeeded: boolean, milliseconds: number): void {
    if (milliseconds > slowApplyMs) this.#slow.add();
    const op = operationOf(command);
    let series = this.#series.get(op);
    if (series === undefined) {
      series = { succeeded: this.#of(op, "true"), failed: undefined };
      this.#series.set(op, series);
    }
    if (succeeded) return series.succeeded.observe(milliseconds / 1000);
    series.failed ??= this.#of(op, "false");
    series.failed.observe(milliseconds / 1000);
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

/** A put and a deletion are transactions of one operation here. */
function operationOf(command: Command): string {
  if (command.type === "access") return accessOperations[command.change.action];
  if (command.type !== "txn") return operations[command.type];
  const { compare, success, failure } = command.txn;
  if (compare.length > 0 || success.length !== 1 || failure.length > 0) return "Txn";
  const type = success[0]?.type;
  return type === "put" ? "Put" : type === "delete" ? "DeleteRange" : "Txn";
}
