/**
 * The same odd calls to two servers, one of them etcd, and where they answer differently:
 *
 *   node test/etcdapi/fuzz/compare.ts --seed 1 --calls 2000 http://127.0.0.1:2379 http://127.0.0.1:12379
 *
 * Both must be new and alike. What is each one's own (ids, hashes, sizes, terms, times) is left out.
 */
import { connect } from "node:http2";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { seededPrng } from "../../../src/base/index.ts";
import { decode, type MessageCodec } from "../../../src/wire/index.ts";
import { diceOf } from "./odd-bytes.ts";
import { type OddCall, oddCall } from "./odd-calls.ts";
import { type RawAnswer, rawCall } from "./raw-call.ts";

const own = new Set([
  "clusterId",
  "memberId",
  "raftTerm",
  "leader",
  "raftIndex",
  "raftAppliedIndex",
  "dbSize",
  "dbSizeInUse",
  "hash",
  "members",
  "TTL",
  "leases",
  "token",
  "lease",
  "ID",
  "version",
]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: "1" }, calls: { type: "string", default: "1000" } },
});
const sessions = positionals.map((url) => connect(url));
const dice = diceOf(seededPrng(Number(values.seed)));
let different = 0;
for (let i = 0; i < Number(values.calls); i++) {
  const call = oddCall(dice, { tame: true });
  // Known to differ: a method of etcd 3.7, and headers that gRPC for Go decodes whether they are asked for or not.
  if (call.path.includes("/RangeStream") || "x-bin" in call.headers) continue;
  const [theirs, ours] = (await Promise.all(
    sessions.map((session) => rawCall(session, call).then((answer) => shown(call, answer))),
  )) as [string, string];
  if (theirs === ours) continue;
  different++;
  process.stdout.write(
    `#${i} ${call.path} ${JSON.stringify(call.headers)} ${Buffer.from(call.body).toString("hex")}\n  1: ${theirs}\n  2: ${ours}\n`,
  );
}
process.stdout.write(`${different} of ${values.calls} differ\n`);
for (const session of sessions) session.close();

function shown({ info }: OddCall, { body, ...rest }: RawAnswer): string {
  const messages: string[] = [];
  if (info !== undefined && rest.status !== undefined) {
    for (const bytes of framesOf(body))
      messages.push(JSON.stringify(masked(decode(info.response as MessageCodec<unknown>, bytes))));
  }
  // How a snapshot is cut is each one's own.
  if (info?.path.endsWith("/Snapshot")) messages.length = 0;
  const { message = "", ...others } = rest;
  return JSON.stringify({ ...others, message, messages });
}

function* framesOf(body: Uint8Array): Iterable<Uint8Array> {
  const bytes = Buffer.from(body);
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    const message = bytes.subarray(at + 5, at + 5 + length);
    // Go answers compressed whoever compresses.
    yield bytes[at] === 1 ? gunzipSync(message) : message;
    at += 5 + length;
  }
}

function masked(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      own.has(name) && typeof item !== "object"
        ? "…"
        : own.has(name) && Array.isArray(item)
          ? item.length
          : masked(item),
    ]),
  );
}
