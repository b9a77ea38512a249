/** What `bin/etcdutl` says, beside what etcdutl 3.6.16 said of the same file and the same arguments. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { printed } from "../../src/cli/etcdutl/printer.ts";
import { snapshotStatus } from "../../src/cli/etcdutl/snapshot.ts";
import { nodePlatform } from "../../src/platform/index.ts";

const program = join(import.meta.dirname, "../../bin/etcdutl");
const fixture = new URL("../fixtures/etcd/snapshot-3.6.16.db.gz", import.meta.url);

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-etcdutl-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, "s.db"), gunzipSync(readFileSync(fixture)));
  return directory;
}

function etcdutl(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  return { status, stdout, stderr };
}

test("the status of a snapshot is told in every format as etcdutl tells it", async (t) => {
  const row = await snapshotStatus(nodePlatform(), [join(temporary(t), "s.db")], "simple");
  const status = (format: string) => printed(row, format);
  assert.equal(status("simple"), "bcc6d58a, 9, 7, 45 kB, 3.6.0\n");
  assert.equal(
    status("json"),
    '{"hash":3167147402,"revision":9,"totalKey":7,"totalSize":45056,"version":"3.6.0"}\n',
  );
  assert.equal(
    status("table"),
    `+----------+----------+------------+------------+---------+
|   HASH   | REVISION | TOTAL KEYS | TOTAL SIZE | VERSION |
+----------+----------+------------+------------+---------+
| bcc6d58a |        9 |          7 |      45 kB |   3.6.0 |
+----------+----------+------------+------------+---------+
`,
  );
  assert.throws(() => status("protobuf"), { status: 4 });
  assert.equal(
    status("fields"),
    '"Hash" : 3167147402\n"Revision" : 9\n"Keys" : 7\n"Size" : 45056\n"Version" : 3.6.0\n',
  );
});

test("what is hashed is not touched: the snapshot can be restored afterwards, and the directory looked through", (t) => {
  const directory = temporary(t);
  const run = (...args: string[]) => etcdutl(directory, ...args);
  const before = readFileSync(join(directory, "s.db"));
  const hash = run("hashkv", "s.db");
  assert.match(hash.stdout, /^752779419, 9, 5\n$/);
  assert(readFileSync(join(directory, "s.db")).equals(before));
  const restored = run("snapshot", "restore", "s.db", "--data-dir", "d");
  assert.equal(restored.status, 0, restored.stderr);
  assert.match(restored.stderr, /\tinfo\t\S+\trestored snapshot\t\{"path": "s.db", "wal-dir": "d\/wal", /);
  assert(existsSync(join(directory, "d", "member.json")));
  assert.equal(run("defrag", "--data-dir", "d").status, 0);
  const again = run("snapshot", "restore", "s.db", "--data-dir", "d");
  assert.deepEqual([again.status, again.stderr], [1, 'Error: data-dir "d" not empty or could not be read\n']);
});
