import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject, UserInfo } from "../../src/apimachinery/index.ts";
import { createKubernetesCodec } from "../../src/wire/index.ts";
import { Differences } from "./differences.ts";
import { fastClock } from "./fast-clock.ts";
import {
  comparable,
  isReached,
  type KindExchange,
  LastAnswers,
  readKinds,
  requestOf,
  warningTexts,
} from "./kinds.ts";
import { openServer } from "./open-server.ts";
import { Replay } from "./replay.ts";

/**
 * How many answers of each kind differ still; lower a number when fewer do. Rows of DaemonSets show an annotation that upstream adds to
 * objects only; what autoscaling/v1 says of a status in annotations is not the writer's here; and that a namespace must allow admin
 * access is told only of what a claim asks for, not of what it got.
 */
const differingMax: Readonly<Record<string, number>> = {
  DaemonSet: 4,
  HorizontalPodAutoscaler: 6,
  ResourceClaim: 4,
};

const admin: UserInfo = { name: "admin", uid: "admin", groups: ["system:masters", "system:authenticated"] };
const attemptsMax = 200;
const retryEveryMs = 10;

test("objects of every kind are created, shown, changed, applied and deleted as by a kube-apiserver", async (t) => {
  const opened = openServer({ clock: fastClock(), serviceClusterIpRange: "10.0.0.0/24" });
  const transport = opened.server.transport(admin);
  await new Replay(opened.server.transport(undefined as unknown as UserInfo)).prepare();
  await opened.bootstrapRoles();
  const codec = createKubernetesCodec(
    JSON.parse(readFileSync(new URL("../../schemas/kubernetes/protobuf.json", import.meta.url), "utf8")),
  );
  const ask = async (exchange: KindExchange, last: JsonObject | undefined) => {
    const { headers, body } = requestOf(exchange, last, codec);
    const { method, path } = exchange;
    const answer = await transport.request({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    const json: JsonObject = JSON.parse(Buffer.concat(chunks).toString());
    return { code: answer.status, warnings: warningTexts(answer.headers["warning"]), json };
  };
  /** As `ask`, until what is waited for has come. */
  const send = async (exchange: KindExchange, last: JsonObject | undefined) => {
    for (let attempt = 1; ; attempt++) {
      const answer = await ask(exchange, last);
      const { until } = exchange;
      if (until === undefined || isReached(until, answer.code, answer.json) || attempt === attemptsMax)
        return answer;
      await sleep(retryEveryMs);
    }
  };
  const create = (path: string, body: JsonObject) =>
    send({ kind: "", step: "", method: "POST", path, body, code: 201 }, undefined);
  await create("/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  await create("/apis/node.k8s.io/v1/runtimeclasses", {
    metadata: { name: "rc" },
    handler: "rc",
    overhead: { podFixed: { cpu: "1m" } },
  });
  const differing = new Differences();
  const last = new LastAnswers();
  for (const exchange of readKinds().exchanges) {
    const { code, warnings, json } = await send(exchange, last.of(exchange));
    last.note(exchange, json);
    const found = { code, warnings, answer: exchange.until === undefined ? comparable(json) : undefined };
    const wanted = { code: exchange.code, warnings: exchange.warnings ?? [], answer: exchange.answer };
    const difference = differenceOf(wanted, found);
    if (difference === "") continue;
    const text = `${exchange.step} ${exchange.method} ${exchange.path}\n${difference}`;
    differing.add(exchange.kind, text);
  }
  await opened.close();
  differing.check(t, differingMax);
  assert.deepEqual(opened.logged, [], "the server met conditions that it did not expect");
});

/** The leaves in which two answers differ. */
function differenceOf(wanted: object, found: object): string {
  const [left, right] = [leavesOf(wanted), leavesOf(found)];
  const lines: string[] = [];
  for (const [path, value] of left) if (right.get(path) !== value) lines.push(`  real ${path} = ${value}`);
  for (const [path, value] of right) if (left.get(path) !== value) lines.push(`  ours ${path} = ${value}`);
  return lines.join("\n");
}

/** Causes go by their texts, in any order, for upstream goes through maps in any order; then the message says nothing more. */
function leavesOf(value: unknown, path = "", leaves = new Map<string, string>()): Map<string, string> {
  if (path === ".answer.details.causes") {
    for (const { reason, field, message } of value as { reason: string; field: string; message: string }[]) {
      const text = `${reason} ${field}: ${message}`;
      leaves.set(text, String(Number(leaves.get(text) ?? 0) + 1));
    }
    leaves.delete(".answer.message");
    return leaves;
  }
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  for (const [key, member] of entries) leavesOf(member, `${path}.${key}`, leaves);
  if (entries.length === 0) leaves.set(path, JSON.stringify(value));
  return leaves;
}
