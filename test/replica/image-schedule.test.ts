import assert from "node:assert/strict";
import { test } from "node:test";
import type { Index, Term } from "../../src/base/index.ts";
import type { Entry } from "../../src/raft/index.ts";
import { ImageSchedule } from "../../src/replica/image-schedule.ts";

const valueBytes = 1024;

function entryAt(index: number): Entry {
  return { term: 1 as Term, index: index as Index, type: "normal", data: new Uint8Array(valueBytes) };
}

/** Writes into a state that keeps everything; answers the bytes of state that each image had. */
function imagesOf(options: { entries: number; stateBytes: number; grows: boolean }): number[] {
  let stateBytes = options.stateBytes;
  const schedule = new ImageSchedule({
    snapshotCount: 100,
    usedBytes: () => stateBytes,
    lastIndex: 0 as Index,
  });
  const images: number[] = [];
  for (let index = 1; index <= options.entries; index++) {
    if (options.grows) stateBytes += valueBytes;
    if (!schedule.applied([entryAt(index)])) continue;
    images.push(stateBytes);
    schedule.taken(index as Index);
  }
  return images;
}

test("a small state is written every snapshotCount entries", () => {
  assert.equal(imagesOf({ entries: 1000, stateBytes: 1000, grows: false }).length, 10);
});

test("images of a state that grows cost no more than a few times what was written to it", () => {
  const entries = 200_000;
  const written = imagesOf({ entries, stateBytes: 0, grows: true }).reduce((sum, bytes) => sum + bytes, 0);
  assert.ok(
    written < 6 * entries * valueBytes,
    `${written} bytes of images for ${entries * valueBytes} bytes`,
  );
});

test("however large the state is, the log since the last image stays bounded", () => {
  const images = imagesOf({ entries: 200_000, stateBytes: 10 * 2 ** 30, grows: false });
  assert.ok(images.length >= 3, `${images.length} images`);
});

test("entries that are few and large do not gather in the log either", () => {
  const schedule = new ImageSchedule({
    snapshotCount: 10_000,
    usedBytes: () => 2 ** 30,
    lastIndex: 0 as Index,
  });
  const large: Entry = { ...entryAt(1), data: new Uint8Array(2 ** 20) };
  let due = 0;
  for (let index = 1; index <= 64; index++)
    if (schedule.applied([{ ...large, index: index as Index }])) due++;
  assert.equal(due, 1);
});
