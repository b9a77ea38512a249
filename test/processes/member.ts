/**
 * One member in a process of its own, on the real platform, for tests that kill, stop and starve processes. It is told what to do by
 * messages from its parent, and answers them. Its configuration is its only argument.
 */
import { fromUtf8, utf8 } from "../../src/base/index.ts";
import { KvError } from "../../src/kv/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openReplica, type ReplicaConfig } from "../../src/replica/index.ts";
import { createLog } from "../../src/telemetry/index.ts";

export type Question =
  | { readonly ask: "put"; readonly key: string; readonly value: string }
  | { readonly ask: "get"; readonly key: string }
  | { readonly ask: "status" | "alarms" | "disarm" };

export interface Status {
  readonly leads: boolean;
  readonly term: number;
}

const config = JSON.parse(process.argv[2] ?? "{}") as ReplicaConfig;
const log = createLog({
  sink: (line) => void process.stderr.write(line),
  now: Date.now,
  level: process.env["LOG"] === undefined ? "error" : "info",
  format: "text",
});
const replica = await openReplica({ platform: nodePlatform(), config, log });
replica.failed.catch(() => process.exit(1));
process.on("disconnect", () => process.exit(0));

async function answer(question: Question): Promise<unknown> {
  switch (question.ask) {
    case "put": {
      const { key, value } = question;
      const put = { type: "put", key: utf8(key), value: utf8(value), lease: 0n } as never;
      const { header } = await replica.txn({ compare: [], success: [put], failure: [] });
      return header.revision;
    }
    case "get": {
      const [kv] = (await replica.range({ key: utf8(question.key) })).kvs;
      return kv && fromUtf8(kv.value);
    }
    case "status": {
      const { role, header } = replica.status();
      return { leads: role === "leader", term: header.term } satisfies Status;
    }
    case "alarms":
      return replica.alarms().map(({ alarm }) => alarm);
    case "disarm":
      for (const alarm of replica.alarms()) await replica.alarm({ action: "deactivate", ...alarm });
      return undefined;
  }
}

process.on("message", ({ number, question }: { number: number; question: Question }) => {
  answer(question).then(
    (value) => process.send?.({ number, value }),
    (error: Error) =>
      process.send?.({
        number,
        error: error.message,
        code: error instanceof KvError ? error.code : undefined,
      }),
  );
});
process.send?.({ ready: true });
