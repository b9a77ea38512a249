import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import protobuf from "protobufjs";
import {
  authpb,
  decode,
  encode,
  etcdserverpb,
  type FieldInfo,
  type MessageCodec,
  mvccpb,
  ProtobufError,
  v3electionpb,
  v3lockpb,
} from "../../src/wire/index.ts";

const descriptor = JSON.parse(
  readFileSync(new URL("../../schemas/etcd/protobuf.json", import.meta.url), "utf8"),
);
const root = protobuf.Root.fromJSON(defaultsFirst(descriptor));

/** protobufjs takes the first value listed of an enum for its default. */
function defaultsFirst<T>(node: T): T {
  return JSON.parse(JSON.stringify(node), (key, value) =>
    key === "values"
      ? Object.fromEntries(Object.entries(value as object).sort(([, a], [, b]) => a - b))
      : value,
  );
}

const codecs = [authpb, etcdserverpb, mvccpb, v3electionpb, v3lockpb].flatMap((file) =>
  Object.values(file).filter((value): value is MessageCodec<unknown> => "read" in value),
);

type Plain = Record<string, unknown>;

/** Any draft of a message: each field there or not, nested `depth` levels. */
function draftOf(codec: MessageCodec<unknown>, depth: number): fc.Arbitrary<Plain> {
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  const unions = new Set<string>();
  for (const field of codec.fields()) {
    if (field.oneof) unions.add(field.name);
    if (field.kind === "message" && depth === 0) continue;
    const one = anyValue(field, depth);
    model[field.name] = field.repeated ? fc.array(one, { maxLength: 3 }) : one;
  }
  return fc.record(model, { requiredKeys: [] }).map((draft) => {
    // Of a oneof only one member may be there.
    let seen = false;
    for (const name of Object.keys(draft)) {
      if (!unions.has(name)) continue;
      if (seen) delete draft[name];
      seen = true;
    }
    return draft;
  });
}

function anyValue(field: FieldInfo, depth: number): fc.Arbitrary<unknown> {
  const wide = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.maxSafeInteger());
  switch (field.kind) {
    case "bytes":
      return fc.uint8Array({ maxLength: 40 });
    case "string":
      return fc.string({ unit: "binary", maxLength: 90 });
    case "bool":
      return fc.boolean();
    case "int32":
    case "enum":
      return fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer());
    case "uint32":
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case "int64":
      return field.bigint ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) : wide;
    case "uint64":
      return field.bigint ? fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) : wide.map(Math.abs);
    case "message":
      return draftOf(field.message as MessageCodec<unknown>, depth - 1);
  }
}

/** As the other implementation shows a message: numbers as text, absent fields left out. */
function shown(codec: MessageCodec<unknown>, message: Plain): Plain {
  const result: Plain = {};
  for (const field of codec.fields()) {
    const value = message[field.name];
    if (value === undefined) continue;
    const one = (item: unknown): unknown => {
      if (field.kind === "message") return shown(field.message as MessageCodec<unknown>, item as Plain);
      if (field.kind === "bytes") return Buffer.from(item as Uint8Array).toString("base64");
      if (field.kind === "int64" || field.kind === "uint64") return String(item);
      return item;
    };
    result[field.name] = field.repeated ? (value as unknown[]).map(one) : one(value);
  }
  return result;
}

/** All fields, absent ones at their defaults. */
function filled(codec: MessageCodec<unknown>, draft: Plain): Plain {
  return JSON.parse(JSON.stringify(shown(codec, decode(codec, encode(codec, draft)) as Plain)));
}

for (const codec of codecs) {
  test(`${codec.name} reads and writes what protobufjs does`, () => {
    const other = root.lookupType(codec.name);
    fc.assert(
      fc.property(draftOf(codec, 2), (draft) => {
        const bytes = encode(codec, draft);
        const theirs = other.toObject(other.decode(bytes), {
          longs: String,
          bytes: String,
          defaults: false,
          arrays: true,
        });
        const ours = filled(codec, draft);
        // Theirs leaves defaults out; ours has them all.
        assert.deepEqual(withoutDefaults(codec, theirs), withoutDefaults(codec, ours));
        const again = other.encode(other.fromObject(shown(codec, draft))).finish();
        assert.deepEqual(filled(codec, decode(codec, again) as Plain), ours);
        assert.equal(other.encode(other.decode(bytes)).finish().length, bytes.length, "no byte too many");
      }),
      { numRuns: 60 },
    );
  });
}

function withoutDefaults(codec: MessageCodec<unknown>, plain: Plain): Plain {
  const result: Plain = {};
  for (const field of codec.fields()) {
    const value = plain[field.name];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    if (!field.oneof && (value === 0 || value === "0" || value === "" || value === false)) continue;
    const one = (item: unknown) =>
      field.kind === "message"
        ? withoutDefaults(field.message as MessageCodec<unknown>, item as Plain)
        : item;
    result[field.name] = field.repeated ? (value as unknown[]).map(one) : one(value);
  }
  return result;
}

test("input that is cut, changed or random is read or refused with a ProtobufError, never anything else", () => {
  const arbitrary = fc
    .constantFrom(...codecs)
    .chain((codec) =>
      fc.tuple(
        fc.constant(codec),
        draftOf(codec, 2),
        fc.nat(),
        fc.uint8Array({ maxLength: 30 }),
        fc.boolean(),
      ),
    );
  fc.assert(
    fc.property(arbitrary, ([codec, draft, at, noise, cut]) => {
      const whole = encode(codec, draft);
      const place = at % (whole.length + 1);
      const bytes = cut ? whole.slice(0, place) : Uint8Array.from([...whole.slice(0, place), ...noise]);
      try {
        decode(codec, bytes);
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});

test("a transaction nested deeper than the bound is refused and one within it is not", () => {
  const nest = (levels: number): Uint8Array => {
    let draft: Plain = {};
    for (let i = 0; i < levels; i++) draft = { success: [{ requestTxn: draft }] };
    return encode(etcdserverpb.TxnRequest, draft);
  };
  assert.equal(decode(etcdserverpb.TxnRequest, nest(140)).success.length, 1);
  assert.throws(() => decode(etcdserverpb.TxnRequest, nest(160)), ProtobufError);
});

test("a length beyond the message is refused before anything is allocated", () => {
  assert.throws(
    () => decode(mvccpb.KeyValue, Uint8Array.of(10, 0xff, 0xff, 0xff, 0xff, 0x0f, 1)),
    /unexpected EOF/,
  );
  assert.throws(() => decode(etcdserverpb.RangeResponse, Uint8Array.of(18, 3, 10, 9, 1)), /unexpected EOF/);
});

test("unknown fields of every wire type are passed over, groups too", () => {
  const known = encode(mvccpb.KeyValue, { key: Uint8Array.of(7) });
  const unknown = [
    0xf8, 0x06, 0x05, 0xf9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xfa, 0x06, 1, 9, 0xfb, 0x06, 0x08, 1, 0xfc, 0x06,
  ];
  const message = decode(mvccpb.KeyValue, Uint8Array.from([...unknown, 0xfd, 0x06, 1, 2, 3, 4, ...known]));
  assert.deepEqual([...message.key], [7]);
});

test("bytes are views of the input", () => {
  const bytes = encode(etcdserverpb.PutRequest, { key: Uint8Array.of(1, 2), value: Uint8Array.of(3) });
  assert.equal(decode(etcdserverpb.PutRequest, bytes).value.buffer, bytes.buffer);
});

test("a result stays as it is while later messages are written, also when the writer's chunk is exhausted", () => {
  const results = Array.from({ length: 300 }, (_, i) =>
    encode(mvccpb.KeyValue, { key: new Uint8Array(i * 10).fill(i), version: i + 1 }),
  );
  results.forEach((bytes, i) => {
    const message = decode(mvccpb.KeyValue, bytes);
    assert.equal(message.version, i + 1);
    assert.ok(message.key.length === i * 10 && message.key.every((byte) => byte === i % 256));
  });
});

test("a revision beyond 2^53 in a request becomes the largest number, in a response it is refused", () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
  assert.equal(
    decode(etcdserverpb.RangeRequest, Uint8Array.from([32, ...huge])).revision,
    Number.MAX_SAFE_INTEGER,
  );
  assert.throws(() => decode(etcdserverpb.ResponseHeader, Uint8Array.from([24, ...huge])), /beyond 2\^53/);
  assert.throws(() => decode(etcdserverpb.WatchCancelRequest, Uint8Array.from([8, ...huge])), /beyond 2\^53/);
});

test("negative numbers survive", () => {
  const message = decode(etcdserverpb.WatchResponse, encode(etcdserverpb.WatchResponse, { watchId: -1 }));
  assert.equal(message.watchId, -1);
  const lease = decode(
    etcdserverpb.LeaseGrantRequest,
    encode(etcdserverpb.LeaseGrantRequest, { TTL: -5, ID: -7n }),
  );
  assert.deepEqual([lease.TTL, lease.ID], [-5, -7n]);
});

test("of a oneof the last member read counts, and a zero is present", () => {
  const version = encode(etcdserverpb.Compare, { version: 0 });
  assert.equal(decode(etcdserverpb.Compare, version).version, 0);
  const both = Uint8Array.from([...version, ...encode(etcdserverpb.Compare, { lease: 3n })]);
  assert.deepEqual(decode(etcdserverpb.Compare, both).version, undefined);
});
