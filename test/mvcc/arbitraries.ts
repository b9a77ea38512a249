import fc from "fast-check";
import type { LeaseId, Revision } from "../../src/base/index.ts";
import type { Compare, KeyRange, Op, RangeOp, Txn } from "../../src/kv/index.ts";

const latin1 = (characters: string) => new Uint8Array(Buffer.from(characters, "latin1"));

/** Few keys, so that things meet; prefixes of one another, a zero byte, the highest byte. */
export const keyArb = fc.constantFrom("a", "aa", "a\0", "ab", "b", "ba", "c", "ÿ", "ÿÿ").map(latin1);
const endArb = fc.constantFrom("", "\0", "a", "a\0", "ab", "b", "c", "d", "ÿ").map(latin1);
const valueArb = fc.constantFrom("", "1", "2", "22", "x".repeat(300)).map(latin1);
export const leaseIds = [0n, 1n, -7n, 9n] as LeaseId[];
/** 9 does not exist. */
export const leaseArb = fc.constantFrom(...leaseIds);
const revisionArb = fc.nat(40) as fc.Arbitrary<Revision>;

export const rangeArb: fc.Arbitrary<KeyRange> = fc.oneof(
  fc.record({ key: keyArb }),
  fc.record({ key: keyArb, rangeEnd: endArb }),
  fc.constant({ key: latin1("\0"), rangeEnd: latin1("\0") }),
);

const optionsArb = fc.record(
  {
    revision: revisionArb,
    limit: fc.nat(4),
    sort: fc.record({
      target: fc.constantFrom(
        "key" as const,
        "version" as const,
        "create" as const,
        "mod" as const,
        "value" as const,
      ),
      order: fc.constantFrom("ascend" as const, "descend" as const),
    }),
    keysOnly: fc.boolean(),
    countOnly: fc.boolean(),
    minModRevision: revisionArb,
    maxModRevision: revisionArb,
    minCreateRevision: revisionArb,
    maxCreateRevision: revisionArb,
  },
  { requiredKeys: [] },
);

export const rangeOpArb: fc.Arbitrary<RangeOp> = fc
  .tuple(rangeArb, optionsArb)
  .map(([range, options]) => ({ ...range, ...options }));

const compareArb: fc.Arbitrary<Compare> = fc
  .tuple(
    rangeArb,
    fc.constantFrom("equal" as const, "notEqual" as const, "greater" as const, "less" as const),
    fc.oneof(
      fc.record({ target: fc.constant("version" as const), version: fc.nat(3) }),
      fc.record({ target: fc.constantFrom("create" as const, "mod" as const), revision: revisionArb }),
      fc.record({ target: fc.constant("value" as const), value: valueArb }),
      fc.record({ target: fc.constant("lease" as const), lease: leaseArb }),
    ),
  )
  .map(([range, result, rest]) => ({ ...range, result, ...rest }));

const putArb = fc
  .tuple(
    fc.record({ type: fc.constant("put" as const), key: keyArb, value: valueArb, lease: leaseArb }),
    fc.record(
      { prevKv: fc.boolean(), ignoreValue: fc.boolean(), ignoreLease: fc.boolean() },
      { requiredKeys: [] },
    ),
  )
  .map(([put, options]) => ({ ...put, ...options }));
const deleteArb = fc
  .tuple(rangeArb, fc.boolean())
  .map(([range, prevKv]) => ({ type: "delete" as const, ...range, prevKv }));

const { txn } = fc.letrec<{ txn: Txn; op: Op; ops: Op[] }>((tie) => ({
  op: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 6, arbitrary: putArb },
    { weight: 2, arbitrary: deleteArb },
    { weight: 3, arbitrary: rangeOpArb.map((range) => ({ type: "range" as const, ...range })) },
    { weight: 2, arbitrary: tie("txn").map((inner) => ({ type: "txn" as const, ...inner })) },
  ),
  ops: fc.array(tie("op"), { maxLength: 4 }),
  txn: fc.record({
    compare: fc.array(compareArb, { maxLength: 2 }),
    success: tie("ops"),
    failure: tie("ops"),
  }),
}));
export const txnArb: fc.Arbitrary<Txn> = fc.oneof(
  { weight: 2, arbitrary: txn },
  { weight: 1, arbitrary: putArb.map((put) => ({ compare: [], success: [put], failure: [] })) },
  { weight: 1, arbitrary: deleteArb.map((del) => ({ compare: [], success: [del], failure: [] })) },
);
