/** Transactions as clients make them up: nested, with every kind of compare, over keys and ranges. */
import { type LeaseId, noLease, type Revision, utf8 } from "../../src/base/index.ts";
import type { Compare, KeyRange, Op, Txn } from "../../src/kv/index.ts";
import type { World } from "./world.ts";

/** One level of them; deeper ones say nothing new. */
const depthMax = 2;
/** Written one by one, each once in a transaction: two writes of one key in it are refused. */
const putKeys = ["k0", "k1", "k10", "k11", "k2", "k3", "k4"] as const;
/** Of what no put of a transaction touches. */
const deleteRanges: readonly KeyRange[] = [
  { key: utf8("k5"), rangeEnd: utf8("k7") },
  { key: utf8("k7"), rangeEnd: utf8("k9") },
];
/** Read in between: no transaction of this kind writes there, so it does not matter when within it they are read. */
const readRange: KeyRange = { key: utf8("k-left"), rangeEnd: utf8("k-s") };
const comparedRanges: readonly KeyRange[] = [
  { key: utf8("k1"), rangeEnd: utf8("k3") },
  { key: utf8("k5"), rangeEnd: utf8("k9") },
  { key: utf8("k-left"), rangeEnd: utf8("k-s") },
];
const compareResults = ["equal", "notEqual", "greater", "less"] as const;

/** @param value a new one */
export function drawTxn(world: World, value: () => string, newest: number): Txn {
  const keys = [...putKeys].sort(() => world.random() - 0.5);
  const ranges = [...deleteRanges];

  function branch(depth: number): Op[] {
    const ops: Op[] = [{ type: "range", ...readRange }];
    const key = keys.pop();
    if (key !== undefined) ops.push({ type: "put", key: utf8(key), value: utf8(value()), lease: noLease });
    const range = world.chance(0.2) ? ranges.pop() : undefined;
    if (range !== undefined) ops.push({ type: "delete", ...range, prevKv: true });
    if (depth < depthMax && world.chance(0.6)) ops.push({ type: "txn", ...txn(depth + 1) });
    return ops;
  }

  function txn(depth: number): Txn {
    const compare = Array.from({ length: world.below(3) }, () => drawCompare(world, newest));
    return { compare, success: branch(depth), failure: branch(depth) };
  }

  return txn(1);
}

/** That reads alone, and so needs no entry of the log. */
export function drawReadTxn(world: World, newest: number): Txn {
  const read: Op = { type: "range", ...readRange };
  return { compare: [drawCompare(world, newest)], success: [read], failure: [read] };
}

function drawCompare(world: World, newest: number): Compare {
  const key: KeyRange = world.chance(0.3) ? world.pick(comparedRanges) : { key: utf8(`k${world.below(12)}`) };
  const of = { ...key, result: world.pick(compareResults) };
  const revision = world.below(newest + 2) as Revision;
  switch (world.pick(["mod", "create", "version", "value", "lease"] as const)) {
    case "mod":
      return { ...of, target: "mod", revision };
    case "create":
      return { ...of, target: "create", revision };
    case "version":
      return { ...of, target: "version", version: world.below(4) };
    case "value":
      return { ...of, target: "value", value: utf8(`client${1 + world.below(6)}.${world.below(100)}`) };
    case "lease":
      return { ...of, target: "lease", lease: BigInt(world.below(2)) as LeaseId };
  }
}
