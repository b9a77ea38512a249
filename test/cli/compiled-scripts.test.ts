import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import test, { type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { CompiledScripts } from "../../src/cli/compiled-scripts.ts";

const text = `(function (module, require, given, load, url) {
  function twice(n) { return given["numbers.js"].double(n); }
  module.exports = { twice, other: () => load("./other.js"), url, sep: require("node:path").sep };
})`;

interface Exports {
  twice(n: number): number;
  other(): Promise<{ name: string }>;
  readonly url: string;
  readonly sep: string;
}

function place(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-scripts-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const script = join(directory, "part-1.cjs");
  writeFileSync(script, text);
  const cache = join(directory, "cache");
  const start = () => {
    const scripts = new CompiledScripts(cache);
    const given = { "numbers.js": { double: (n: number) => 2 * n } };
    const it = scripts.run(script, given, async (name) => ({ name })) as unknown as Exports;
    return { scripts, it };
  };
  /** In another process, for V8 remembers what it has compiled. Returns what was printed. */
  const startElsewhere = (then: string): string => {
    const module = new URL("../../src/cli/compiled-scripts.ts", import.meta.url).href;
    const code = `
      import { CompiledScripts } from ${JSON.stringify(module)};
      const scripts = new CompiledScripts(${JSON.stringify(cache)});
      const it = scripts.run(${JSON.stringify(script)}, { "numbers.js": { double: (n) => 2 * n } }, async () => {});
      ${then}`;
    return execFileSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" });
  };
  const kept = (): string => {
    const names = readdirSync(cache);
    assert.equal(names.length, 1);
    return join(cache, names[0] ?? "");
  };
  return { script, cache, start, startElsewhere, kept };
}

test("a script has what it imports, a require, its URL, and what loads modules", async (t) => {
  const { script, start } = place(t);
  const { it } = start();
  assert.equal(it.twice(4), 8);
  assert.deepEqual([it.url, it.sep], [pathToFileURL(script).href, sep]);
  assert.equal((await it.other()).name, "./other.js");
});

test("what is kept of a script has the functions that ran, and the next start takes it", (t) => {
  const { startElsewhere, kept } = place(t);
  startElsewhere("scripts.keep()");
  const idle = readFileSync(kept()).length;
  rmSync(kept());
  startElsewhere("it.twice(1); scripts.keep()");
  assert.ok(readFileSync(kept()).length > idle);

  const before = statSync(kept()).ino;
  assert.equal(startElsewhere("console.log(it.twice(4)); scripts.keep()"), "8\n");
  assert.equal(statSync(kept()).ino, before, "there was nothing new to keep");
});

test("what is no compiled code is not taken, and replaced", (t) => {
  const { startElsewhere, kept } = place(t);
  startElsewhere("scripts.keep()");
  writeFileSync(kept(), "no code");
  assert.equal(startElsewhere("console.log(it.twice(4)); scripts.keep()"), "8\n");
  assert.ok(readFileSync(kept()).length > 7);
});

test("where nothing can be written a script runs all the same", (t) => {
  const { cache, start } = place(t);
  writeFileSync(cache, "a file");
  const { scripts, it } = start();
  scripts.keep();
  assert.equal(it.twice(4), 8);
  assert.equal(readFileSync(cache, "utf8"), "a file");
});
