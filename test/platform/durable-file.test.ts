import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { DurableFile, onTheSpotMax, quickInRowMin, quickMs } from "../../src/platform/durable-file.ts";

const skip = process.platform === "linux" ? false : "only Linux opens files like that";

async function newFile(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-durable-"));
  const path = join(directory, "log");
  writeFileSync(path, "");
  let now = 0;
  const file = await DurableFile.open(path, { monotonic: () => now });
  t.after(async () => {
    await file.close();
    rmSync(directory, { recursive: true });
  });
  let written = "";
  /** Answers whether it was there before anybody had waited. */
  const write = async (text: string, { alone = true, tookMs = 0 } = {}): Promise<boolean> => {
    const ended = file.write([Buffer.from(text)], written.length, alone);
    now += tookMs;
    written += text;
    const atOnce = readFileSync(path, "utf8") === written;
    await ended;
    assert.equal(readFileSync(path, "utf8"), written);
    return atOnce;
  };
  const proveQuick = async () => {
    for (let i = 0; i < quickInRowMin; i++) await write("x", { alone: false });
  };
  return { file, write, proveQuick };
}

test("a small write whose caller waits is on the disk at once where the disk has proved quick", {
  skip,
}, async (t) => {
  const { write, proveQuick } = await newFile(t);
  await proveQuick();
  assert.equal(await write("abc"), true);
  assert.equal(await write("d"), true);
});

test("nobody waits on the main thread for a disk that was slow, until it has been quick again", {
  skip,
}, async (t) => {
  const { file, write, proveQuick } = await newFile(t);
  await proveQuick();
  await write("slow", { alone: false, tookMs: quickMs });
  assert.equal(file.isQuick, false);
  await proveQuick();
  assert.equal(file.isQuick, true);
});

test("a quick disk has to prove from time to time that it still is, and that the main thread has time to hear of it", {
  skip,
}, async (t) => {
  const { file, write, proveQuick } = await newFile(t);
  await proveQuick();
  for (let i = 0; i <= onTheSpotMax; i++) {
    assert.equal(file.isQuick, true);
    await write("x");
  }
  assert.equal(file.isQuick, false);
  await proveQuick();
  assert.equal(file.isQuick, true);
});
