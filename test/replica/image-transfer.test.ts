import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import type { Index, MemberId, NumberSource, Term } from "../../src/base/index.ts";
import { seededPrng } from "../../src/base/index.ts";
import { type Connection, nodePlatform } from "../../src/platform/index.ts";
import type { Message } from "../../src/raft/index.ts";
import { type Frame, FrameReader, frameKind } from "../../src/replica/transport/frames.ts";
import { ImageIntake, type ImageSink } from "../../src/replica/transport/image-intake.ts";
import { sendImage } from "../../src/replica/transport/image-transfer.ts";
import { encodeMessage } from "../../src/replica/transport/message-codec.ts";
import { quietLog } from "./cluster.ts";

const { clock } = nodePlatform();
const chunkBytes = 10_000;

/** A receiver that keeps images in memory, and counts what came over the wire. */
class Receiver {
  readonly finished: Buffer[] = [];
  begun = 0;
  aborted = 0;
  wireBytes = 0;
  failing = false;
  readonly intake = new ImageIntake({
    clock,
    log: quietLog,
    receiver: {
      begin: async (): Promise<ImageSink> => {
        this.begun++;
        const chunks: Uint8Array[] = [];
        return {
          write: async (chunk) => {
            if (this.failing) throw new Error("the disk is full");
            chunks.push(chunk);
          },
          finish: async () => void this.finished.push(Buffer.concat(chunks)),
          abort: async () => void this.aborted++,
        };
      },
    },
  });

  /** The sender's end of a new connection. After so many chunks it breaks. */
  connect(chunksMax = Number.POSITIVE_INFINITY): Connection {
    const [stream, ours] = duplexPair();
    let chunks = 0;
    const transfer = this.intake.receive(ours, () => {});
    const frames = new FrameReader();
    ours.on("error", () => {});
    ours.on("close", () => {
      stream.destroy();
      void transfer.end();
    });
    ours.on("data", (bytes: Buffer) => {
      for (const frame of frames.push(bytes)) {
        if (frame.kind === frameKind.hello) continue;
        if (frame.kind === frameKind.imageChunk && ++chunks > chunksMax) return void ours.destroy();
        this.#count(frame);
        transfer.take(frame);
      }
    });
    return {
      stream,
      protocol: undefined,
      peerCertificate: undefined,
      peerCertificateError: undefined,
      remoteAddress: "memory",
    };
  }

  #count({ kind, payload }: Frame): void {
    if (kind === frameKind.imageChunk) this.wireBytes += payload.length;
  }
}

function announcement(index: number): Uint8Array {
  const [one, two] = [1n, 2n] as [MemberId, MemberId];
  const confState = { voters: [one, two], votersOutgoing: [], learners: [] };
  const snapshot = { index: index as Index, term: 1 as Term, confState };
  const message: Message = { type: "snapshot", from: one, to: two, term: 3 as Term, snapshot };
  return encodeMessage(message);
}

async function* read(image: Buffer, random: NumberSource = () => 0.99): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < image.length; ) {
    const end = Math.min(image.length, at + 1 + Math.floor(random() * chunkBytes));
    yield image.subarray(at, end);
    at = end;
  }
}

function send(connection: Connection, image: Buffer, index = 7, random?: NumberSource): Promise<void> {
  const frames = { hello: Buffer.from("hello"), message: announcement(index) };
  return sendImage(connection, frames, () => read(image, random), clock);
}

function imageOf(seed: number, bytes: number): Buffer {
  const random = seededPrng(seed);
  return Buffer.from(Array.from({ length: bytes }, () => Math.floor(random() * 256)));
}

test("a transfer that breaks off again and again sends every byte once", async () => {
  const image = imageOf(1, 100_500);
  const receiver = new Receiver();
  for (const chunks of [2, 0, 3, 1])
    await assert.rejects(send(receiver.connect(chunks), image), /ended before/);
  await send(receiver.connect(), image);
  assert.deepEqual(receiver.finished, [image]);
  assert.equal(receiver.wireBytes, image.length);
  assert.equal(receiver.begun, 1);
});

test("chunks need not begin where the last transfer broke off", async () => {
  const image = imageOf(2, 60_000);
  const receiver = new Receiver();
  await assert.rejects(send(receiver.connect(3), image, 7, seededPrng(3)));
  await assert.rejects(send(receiver.connect(2), image, 7, seededPrng(4)));
  await send(receiver.connect(), image, 7, seededPrng(5));
  assert.deepEqual(receiver.finished, [image]);
  assert.equal(receiver.wireBytes, image.length);
});

test("what came of another image, or of one that is not the same in all its bytes, is not gone on with", async () => {
  const [image, other] = [imageOf(1, 50_000), imageOf(2, 50_000)];
  for (const [second, index] of [
    [other, 7],
    [image, 8],
    [image.subarray(0, 15_000), 7],
  ] as const) {
    const receiver = new Receiver();
    await assert.rejects(send(receiver.connect(2), image, 7));
    await send(receiver.connect(), second, index);
    assert.deepEqual(receiver.finished, [second]);
    assert.equal(receiver.aborted, 1);
  }
});

test("whoever sends now takes the place of a connection that nobody has noticed is dead", async () => {
  const image = imageOf(1, 50_000);
  const receiver = new Receiver();
  const dead = send(receiver.connect(), image);
  // Before it is through: the next one comes at once.
  await Promise.all([assert.rejects(dead), send(receiver.connect(), image)]);
  assert.deepEqual(receiver.finished, [image]);
});

test("an image whose write failed begins from nothing, and what was kept goes when the member ends", async () => {
  const image = imageOf(1, 50_000);
  const receiver = new Receiver();
  receiver.failing = true;
  await assert.rejects(send(receiver.connect(), image));
  receiver.failing = false;
  await assert.rejects(send(receiver.connect(3), image));
  assert.deepEqual([receiver.begun, receiver.aborted], [2, 1]);
  await receiver.intake.close();
  assert.equal(receiver.aborted, 2);
});
