/** Bytes that somebody might send for a message: right ones with odd values, and ones that are broken in some way; all of one seed. */
import type { NumberSource } from "../../../src/base/index.ts";
import type { FieldInfo, MessageCodec } from "../../../src/wire/index.ts";

/** Chance, in the forms that are needed here. */
export interface Dice {
  /** Below. */
  below(count: number): number;
  one<T>(of: readonly T[]): T;
  /** True in so many of a hundred. */
  percent(chance: number): boolean;
}

export function diceOf(source: NumberSource): Dice {
  const below = (count: number): number => Math.floor(source() * count);
  return { below, one: (of) => of[below(of.length)] as never, percent: (chance) => below(100) < chance };
}

const oddKeys = ["", "a", "b", "ab", "key", "\0", "a\0", "\xff", "\xff\xff", "k".repeat(300)];
const oddTexts = ["", "root", "user", "name", "http://127.0.0.1:1", "%", "\u{1f600}", "a/b", "__proto__"];
const oddNumbers = [
  0n,
  1n,
  2n,
  3n,
  5n,
  100n,
  -1n,
  -2n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

const varint = 0;
const delimited = 2;

function varintBytes(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}

const tagBytes = (id: number, wireType: number): number[] => varintBytes(BigInt(id) * 8n + BigInt(wireType));

const block = (id: number, content: readonly number[]): number[] => [
  ...tagBytes(id, delimited),
  ...varintBytes(BigInt(content.length)),
  ...content,
];

const latin1 = (text: string): number[] => [...Buffer.from(text, "latin1")];

/** A message with some of its fields, at most so deep. */
export function oddMessage(codec: MessageCodec<unknown>, dice: Dice, depth = 3): number[] {
  const fields = codec.fields();
  const bytes: number[] = [];
  for (const field of fields) {
    if (!dice.percent(45)) continue;
    const times = field.repeated === true ? 1 + dice.below(3) : dice.percent(4) ? 2 : 1;
    for (let i = 0; i < times; i++) bytes.push(...oddField(field, dice, depth));
  }
  return bytes;
}

function oddField(field: FieldInfo, dice: Dice, depth: number): number[] {
  const { id, kind } = field;
  // In one of fifty its wire type is another's.
  if (dice.percent(2)) return dice.percent(50) ? block(id, [1, 2, 3]) : [...tagBytes(id, varint), 1];
  switch (kind) {
    case "message":
      return depth === 0
        ? []
        : block(id, oddMessage(field.message as MessageCodec<unknown>, dice, depth - 1));
    case "bytes":
      return block(id, latin1(dice.one(oddKeys)));
    case "string":
      return block(id, dice.percent(5) ? [0xc3, 0x28] : [...Buffer.from(dice.one(oddTexts))]);
    case "bool":
      return [...tagBytes(id, varint), ...varintBytes(dice.one([0n, 1n, 1n, 2n]))];
    case "enum":
      return [...tagBytes(id, varint), ...varintBytes(dice.one([0n, 1n, 2n, 3n, 4n, 5n, 6n, -1n, 100n]))];
    default:
      return [...tagBytes(id, varint), ...varintBytes(dice.one(oddNumbers))];
  }
}

/** The bytes changed in one of the ways that readers of protobuf must notice, or must bear. */
export function broken(bytes: readonly number[], dice: Dice): number[] {
  const at = dice.below(bytes.length + 1);
  const insert = (more: readonly number[]): number[] => [...bytes.slice(0, at), ...more, ...bytes.slice(at)];
  switch (dice.below(14)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return bytes.map((byte, i) => (i === at ? byte ^ (1 << dice.below(8)) : byte));
    case 2:
      return insert([dice.below(256)]);
    // Unknown fields, of each wire type.
    case 3:
      return [...bytes, ...tagBytes(1000, varint), 1];
    case 4:
      return [...bytes, ...tagBytes(1000, 1), 1, 2, 3, 4, 5, 6, 7, 8, ...tagBytes(1001, 5), 1, 2, 3, 4];
    case 5:
      return [...bytes, ...block(2 ** 29 - 1, [1, 2, 3])];
    // Groups: whole, without an end, with another's end.
    case 6:
      return [...bytes, ...tagBytes(900, 3), ...tagBytes(7, varint), 1, ...tagBytes(900, 4)];
    case 7:
      return [...bytes, ...tagBytes(900, 3), ...tagBytes(dice.one([901, 900]), dice.one([4, 3]))];
    // No field has such a number or wire type.
    case 8:
      return [...bytes, dice.one([0, 1, 2]), 1, 1];
    case 9:
      return [...bytes, ...tagBytes(5, dice.one([6, 7])), 1];
    // Numbers that go on for too long.
    case 10:
      return [...bytes, ...tagBytes(1000, varint), ...new Array(dice.one([9, 10, 11])).fill(0xff), 1];
    // Lengths beyond the end, and beyond everything.
    case 11:
      return [
        ...bytes,
        ...tagBytes(1, delimited),
        ...varintBytes(dice.one([100n, 2n ** 31n, 2n ** 32n, 2n ** 63n, -1n])),
      ];
    // The same again: the last value counts, lists grow, messages merge.
    case 12:
      return [...bytes, ...bytes];
    default: {
      const deep: number[] = [];
      for (let i = 0; i < dice.one([50, 200]); i++) deep.push(...tagBytes(900, 3));
      return [...bytes, ...deep];
    }
  }
}
