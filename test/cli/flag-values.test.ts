import assert from "node:assert/strict";
import { test } from "node:test";
import { quotaBytes } from "../../src/cli/flag-values.ts";
import { autoCompaction } from "../../src/cli/store-values.ts";

test("--auto-compaction-retention counts what --auto-compaction-mode says", () => {
  assert.deepEqual(autoCompaction("periodic", "2"), { mode: "periodic", periodMs: 7_200_000 });
  assert.deepEqual(autoCompaction("periodic", "1h30m"), { mode: "periodic", periodMs: 5_400_000 });
  assert.deepEqual(autoCompaction("revision", "1000"), { mode: "revision", revisionsKept: 1000 });
  assert.equal(autoCompaction("periodic", "0"), undefined);
  assert.equal(autoCompaction("revision", "0"), undefined);
  assert.throws(() => autoCompaction("revision", "10m"), /--auto-compaction-retention: revisions/);
  for (const wrong of ["x", "-1h", "1ms", ""]) {
    assert.throws(() => autoCompaction("periodic", wrong), /--auto-compaction-retention/);
  }
});

test("--quota-backend-bytes is etcd's: 0 is the default, less is no bound", () => {
  assert.equal(quotaBytes("0"), undefined);
  assert.equal(quotaBytes("-1"), Number.POSITIVE_INFINITY);
  assert.equal(quotaBytes("8589934592"), 8_589_934_592);
  for (const wrong of ["", "8G", "1.5"]) assert.throws(() => quotaBytes(wrong), /whole number/);
});
