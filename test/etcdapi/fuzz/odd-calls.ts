/** Calls of etcd's API that no client library makes. */
import { etcdserverpb, type MethodInfo, v3electionpb, v3lockpb } from "../../../src/wire/index.ts";
import { broken, type Dice, oddMessage } from "./odd-bytes.ts";

export interface OddCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Undefined: nobody knows the path. */
  readonly info: MethodInfo<unknown, unknown> | undefined;
}

/** What would make the store another: what comes after it would say nothing any more. */
const leftOut = new Set([
  "AuthEnable",
  "MemberAdd",
  "MemberRemove",
  "MemberUpdate",
  "MoveLeader",
  "Downgrade",
  "Alarm",
]);

const endless = /\/(?:Lock|Campaign|Observe|Watch|LeaseKeepAlive)$/;

const infos: readonly MethodInfo<unknown, unknown>[] = [
  etcdserverpb.KVService,
  etcdserverpb.WatchService,
  etcdserverpb.LeaseService,
  etcdserverpb.ClusterService,
  etcdserverpb.MaintenanceService,
  etcdserverpb.AuthService,
  v3lockpb.LockService,
  v3electionpb.ElectionService,
].flatMap((service) => Object.values(service) as MethodInfo<unknown, unknown>[]);

/** `tame`: without what would change the members, users or alarms. */
export function oddCall(dice: Dice, { tame }: { tame: boolean }): OddCall {
  const info = dice.one(infos.filter(({ path }) => !tame || !leftOut.has(path.split("/")[2] ?? "")));
  const headers: Record<string, string> = {
    "content-type": "application/grpc",
    te: "trailers",
    ...oddHeaders(dice),
  };
  // Some methods wait for others, or for ever.
  headers["grpc-timeout"] ??= endless.test(info.path) ? "300m" : "15S";
  const messages = Array.from({ length: dice.percent(90) ? 1 : dice.below(4) }, () => {
    const bytes = oddMessage(info.request, dice);
    return dice.percent(35) ? broken(bytes, dice) : bytes;
  });
  const body = Buffer.concat(messages.map((bytes) => framed(bytes, dice)));
  if (dice.percent(4)) return { path: dice.one(oddPaths(info.path)), headers, body, info: undefined };
  return { path: info.path, headers, body, info };
}

function framed(bytes: readonly number[], dice: Dice): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  if (dice.percent(3)) head[0] = dice.one([1, 2, 255]);
  if (dice.percent(3)) head.writeUInt32BE(dice.one([bytes.length + 1, 0xffff_ffff, 3 * 1024 * 1024]), 1);
  const whole = Buffer.concat([head, Buffer.from(bytes)]);
  return dice.percent(2) ? whole.subarray(0, dice.below(whole.length)) : whole;
}

function oddHeaders(dice: Dice): Record<string, string> {
  if (!dice.percent(12)) return {};
  return dice.one([
    { "grpc-timeout": "x" },
    { "grpc-timeout": "-1S" },
    { "grpc-timeout": "123456789S" },
    { "grpc-timeout": "0n" },
    { "grpc-encoding": "gzip" },
    { "grpc-encoding": "snappy" },
    { "content-type": "application/grpc+proto" },
    { "content-type": "application/grpc+json" },
    { "content-type": "application/grpcx" },
    { "content-type": "text/plain" },
    { token: "none" },
    { authorization: "none" },
    { hasleader: "true" },
    { hasleader: "maybe" },
    { "x-bin": "***" },
    { "client-api-version": "x".repeat(500) },
  ]);
}

const oddPaths = (path: string): string[] => [
  `${path}x`,
  path.toLowerCase(),
  path.slice(0, path.lastIndexOf("/")),
  "/",
  "/etcdserverpb.KV",
  "/etcdserverpb.Nothing/Range",
  "//Range",
  `${path}?a=b`,
  `${path}/`,
];
