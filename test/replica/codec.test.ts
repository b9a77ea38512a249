import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LeaseId, MemberId, Revision, Term } from "../../src/base/index.ts";
import { type Compare, KvError, type Op, type Txn } from "../../src/kv/index.ts";
import { checkTxn } from "../../src/mvcc/index.ts";
import type { Message } from "../../src/raft/index.ts";
import { MalformedBytesError } from "../../src/replica/bytes-reader.ts";
import { type Command, decodeCommand, encodeCommand } from "../../src/replica/command.ts";
import { imageOf } from "../../src/replica/image.ts";
import { StateMachine } from "../../src/replica/state-machine.ts";
import { encodeFrame, FrameReader, frameKind } from "../../src/replica/transport/frames.ts";
import { decodeMessage, encodeMessage } from "../../src/replica/transport/message-codec.ts";

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const id64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const lease = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((id) => id as LeaseId);
/** What a hostile client can send for an int64. */
const anyNumber = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(0, -1, 2 ** 63, -(2 ** 63)));
const revision = anyNumber.map((number) => number as Revision);
const natural = fc.maxSafeNat();
const keyRange = fc.oneof(fc.record({ key: bytes }), fc.record({ key: bytes, rangeEnd: bytes }));
const result = fc.constantFrom("equal", "notEqual", "greater", "less") as fc.Arbitrary<Compare["result"]>;

const compare = fc
  .tuple(
    keyRange,
    result,
    fc.oneof(
      fc.record({ target: fc.constant("version"), version: anyNumber }),
      fc.record({ target: fc.constantFrom("create", "mod"), revision }),
      fc.record({ target: fc.constant("value"), value: bytes }),
      fc.record({ target: fc.constant("lease"), lease }),
    ),
  )
  .map(([range, how, target]) => ({ ...range, result: how, ...target }) as Compare);

const { txn } = fc.letrec<{ txn: Txn; op: Op }>((tie) => ({
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 3 }),
    success: fc.array(tie("op"), { maxLength: 3 }),
    failure: fc.array(tie("op"), { maxLength: 3 }),
  }),
  op: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      type: fc.constant("put" as const),
      key: bytes,
      value: bytes,
      lease,
      prevKv: fc.boolean(),
      ignoreValue: fc.boolean(),
      ignoreLease: fc.boolean(),
    }),
    fc
      .tuple(keyRange, fc.boolean())
      .map(([range, prevKv]) => ({ type: "delete" as const, prevKv, ...range })),
    fc
      .tuple(
        keyRange,
        fc.record({
          keysOnly: fc.boolean(),
          countOnly: fc.boolean(),
          revision,
          limit: anyNumber,
          minModRevision: revision,
          maxModRevision: revision,
          minCreateRevision: revision,
          maxCreateRevision: revision,
        }),
      )
      .map(([range, rest]) => ({ type: "range" as const, ...range, ...rest })),
    tie("txn").map((inner) => ({ type: "txn" as const, ...(inner as Txn) })) as fc.Arbitrary<Op>,
  ) as fc.Arbitrary<Op>,
}));

const command = fc.oneof(
  txn.map((inner) => ({ type: "txn", txn: inner })),
  revision.map((at) => ({ type: "compact", revision: at })),
  fc.record({ type: fc.constant("lease-grant"), id: lease, ttlSeconds: anyNumber }),
  fc.record({ type: fc.constant("lease-revoke"), id: lease, expiredInTerm: natural }),
  fc.record({
    type: fc.constant("lease-checkpoint"),
    leases: fc.array(fc.record({ id: lease, remainingTtlSeconds: anyNumber }), { maxLength: 5 }),
    countedInTerm: natural,
  }),
  fc.record({
    type: fc.constant("member-attributes"),
    member: id64,
    name: fc.string({ unit: "grapheme" }),
    clientUrls: fc.array(fc.webUrl(), { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant("alarm"),
    action: fc.constantFrom("activate", "deactivate"),
    alarm: fc.constantFrom("NOSPACE", "CORRUPT"),
    member: id64,
  }),
) as fc.Arbitrary<Command>;

const requestId = fc.record({ member: id64.map((member) => member as MemberId), sequence: natural });

test("every command comes back from its bytes", () => {
  fc.assert(
    fc.property(requestId, command, (id, one) => {
      assert.deepEqual(plain(decodeCommand(encodeCommand(id, one))), plain({ id, command: one }));
    }),
    { numRuns: 500 },
  );
});

test("bytes that are no command are refused as such, and never anything else", () => {
  fc.assert(
    fc.property(requestId, command, fc.nat(), fc.nat(), fc.boolean(), (id, one, at, byte, cut) => {
      const encoded = Buffer.from(encodeCommand(id, one));
      const position = at % encoded.length;
      if (cut) refusedOrRead(() => decodeCommand(encoded.subarray(0, position)));
      encoded[position] = byte & 0xff;
      refusedOrRead(() => decodeCommand(encoded));
    }),
    { numRuns: 1000 },
  );
});

test("no command that a client can make ends a member, and members that applied the same are equal", () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 20 }), (commands) => {
      const [one, other] = [newState(1), newState(99)];
      for (const sent of commands) {
        const { command: applied } = decodeCommand(
          encodeCommand({ member: 1n as MemberId, sequence: 1 }, sent),
        );
        const outcomes = [one, other].map((state) => {
          try {
            if (applied.type === "txn") checkTxn(applied.txn);
            return plain(state.apply(applied, 1 as Term));
          } catch (error) {
            assert.ok(error instanceof KvError, error as Error);
            return error.code;
          }
        });
        assert.deepEqual(outcomes[0], outcomes[1]);
      }
      assert.deepEqual(Buffer.concat([...imageOf(one)]), Buffer.concat([...imageOf(other)]));
    }),
    { numRuns: 300 },
  );
});

function newState(seed: number): StateMachine {
  return new StateMachine({
    leaseTtlSecondsMin: 2,
    onCatchUpNeeded: () => {},
    monotonic: () => seed * 1000,
    hashSeed: [seed, seed],
  });
}

const entry = fc.record({
  term: natural,
  index: natural,
  type: fc.constantFrom("normal", "conf-change"),
  data: bytes,
});
const proposal = fc.record({ type: fc.constantFrom("normal", "conf-change"), data: bytes });
const members = fc.array(id64, { maxLength: 5 });

const message = fc
  .tuple(
    fc.record({ from: id64, to: id64, term: natural }),
    fc.oneof(
      fc.record({
        type: fc.constantFrom("pre-vote", "vote"),
        lastIndex: natural,
        lastTerm: natural,
        transfer: fc.boolean(),
      }),
      fc.record({
        type: fc.constantFrom("pre-vote-response", "vote-response"),
        granted: fc.boolean(),
        commit: natural,
        commitTerm: natural,
      }),
      fc.record({
        type: fc.constant("append"),
        prevIndex: natural,
        prevTerm: natural,
        commit: natural,
        entries: fc.array(entry, { maxLength: 5 }),
      }),
      fc.record({
        type: fc.constant("append-response"),
        index: natural,
        rejected: fc.boolean(),
        hintIndex: natural,
        hintTerm: natural,
      }),
      fc.record({ type: fc.constant("heartbeat"), commit: natural, context: natural }),
      fc.record({ type: fc.constantFrom("heartbeat-response", "read-index"), context: natural }),
      fc.record({ type: fc.constant("read-index-response"), context: natural, index: natural }),
      fc.record({
        type: fc.constant("snapshot"),
        snapshot: fc.record({
          index: natural,
          term: natural,
          confState: fc.record({ voters: members, votersOutgoing: members, learners: members }),
        }),
      }),
      fc.record({ type: fc.constant("timeout-now") }),
      fc.record({ type: fc.constant("propose"), entries: fc.array(proposal, { maxLength: 5 }) }),
    ),
  )
  .map(([head, rest]) => ({ ...head, ...rest }) as unknown as Message);

test("every raft message comes back from its bytes", () => {
  fc.assert(
    fc.property(message, (one) => {
      assert.deepEqual(plain(decodeMessage(encodeMessage(one))), plain(one));
    }),
    { numRuns: 500 },
  );
});

test("bytes that are no raft message are refused as such", () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(), (one, at, byte) => {
      const encoded = Buffer.from(encodeMessage(one));
      encoded[at % encoded.length] = byte & 0xff;
      refusedOrRead(() => decodeMessage(encoded));
      refusedOrRead(() => decodeMessage(encoded.subarray(0, at % encoded.length)));
    }),
    { numRuns: 1000 },
  );
});

test("frames come out whole, however the stream was cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
      (payloads, cuts) => {
        const stream = Buffer.concat(payloads.flatMap((payload) => encodeFrame(frameKind.message, payload)));
        const reader = new FrameReader();
        const seen: Buffer[] = [];
        for (let at = 0; at < stream.length; ) {
          const next = Math.min(stream.length, at + (cuts.next().value as number));
          for (const { payload } of reader.push(stream.subarray(at, next))) seen.push(Buffer.from(payload));
          at = next;
        }
        assert.deepEqual(
          seen,
          payloads.map((payload) => Buffer.from(payload)),
        );
      },
    ),
  );
});

test("a frame with a flipped bit, or one that is too long, ends the stream", () => {
  const frame = Buffer.concat(encodeFrame(frameKind.message, Buffer.from("payload")));
  for (let at = 4; at < frame.length; at++) {
    const damaged = Buffer.from(frame);
    damaged[at] = (damaged[at] ?? 0) ^ 4;
    assert.throws(() => [...new FrameReader().push(damaged)], MalformedBytesError);
  }
  assert.throws(() => [...new FrameReader(5).push(frame)], MalformedBytesError);
  const huge = Buffer.alloc(8, 0xff);
  assert.throws(() => [...new FrameReader().push(huge)], MalformedBytesError);
});

/** Without prototypes (generated records have none), and -0 as what it is compared as. */
function plain(value: unknown): unknown {
  if (typeof value === "number") return value + 0;
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function refusedOrRead(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof MalformedBytesError, String(error));
  }
}
