import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { Output } from "../../src/h2/output.ts";
import type { Connection } from "../../src/platform/index.ts";

test("frames that are written while the byte stream takes others leave, too", async () => {
  const taken: Buffer[] = [];
  let answers = 3;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const stream = new Duplex({
    read() {},
    // As a stream in memory, whose other side answers before it returns.
    write(chunk: Buffer, _encoding, done) {
      taken.push(Buffer.from(chunk));
      if (answers-- > 0) output.ping(Buffer.alloc(8, answers));
      else resolve();
      done();
    },
  });
  const output: Output = new Output({ stream } as Connection, { drained() {}, flushed() {} });
  output.ping(Buffer.alloc(8, 3));
  await over;
  const sent = Buffer.concat(taken);
  const payloads = Array.from({ length: sent.length / 17 }, (_, i) => sent[17 * i + 9]);
  assert.deepEqual(payloads, [3, 2, 1, 0]);
});
