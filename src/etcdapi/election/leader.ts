import type { Kv } from "../../kv/index.ts";
import { v3electionpb } from "../../wire/index.ts";
import { claimPrefix, oldestClaim } from "../concurrency/claim.ts";
import { throughClient } from "../concurrency/session.ts";
import { code, RpcError } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";

export function leaderMethod(kv: Kv): Method {
  return unary(v3electionpb.ElectionService.Leader, ({ name }) =>
    throughClient(async () => {
      const { header, kvs } = await kv.range(oldestClaim(claimPrefix(name)));
      if (kvs[0] === undefined) throw new RpcError(code.unknown, "election: no leader");
      return { header: headerOf(header), kv: kvs[0] };
    }),
  );
}
