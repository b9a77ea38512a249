/**
 * Writes test/fixtures/kubernetes/kinds.jsonl.gz anew: what a kube-apiserver answers when objects of every built-in kind are created,
 * read, replaced, patched, applied and deleted.
 *
 *   node scripts/record-kinds.ts --server https://127.0.0.1:6443 --token TOKEN [--objects FILE]
 *
 * The server must be a real one, of the release to be compared with, fresh, without controllers and nodes, with a ServiceAccount
 * `default` and a RuntimeClass `rc` (overhead cpu: 1m), and started with --service-cluster-ip-range=10.0.0.0/24,
 * --enable-priority-and-fairness=false and --allow-privileged. The objects are those of the fixture; --objects adds some: a line `{"path":…,"object":…}` each, valid, with as many
 * fields as there are.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { Agent, fetch } from "undici";
import type { Json, JsonObject } from "../src/apimachinery/index.ts";
import { createKubernetesCodec } from "../src/wire/index.ts";
import {
  comparable,
  fixture,
  isReached,
  type KindBase,
  type KindExchange,
  type KindRequest,
  LastAnswers,
  readKinds,
  requestOf,
  warningTexts,
} from "../test/apiserver/kinds.ts";

type Path = readonly (string | number)[];

const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
const merge = "application/merge-patch+json";
const strategic = "application/strategic-merge-patch+json";
const apply = "application/apply-patch+yaml";
const protobuf = "application/vnd.kubernetes.protobuf";
/** How many changes of one field are recorded that are let through, and as many that are refused. */
const changesMax = 3;
const attemptsMax = 60;

const { values: flags } = parseArgs({
  options: { server: { type: "string" }, token: { type: "string" }, objects: { type: "string" } },
});
if (flags.server === undefined || flags.token === undefined) {
  console.error("usage: node scripts/record-kinds.ts --server URL --token TOKEN [--objects FILE]");
  process.exit(2);
}
const { server, token } = flags;
const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
const codec = createKubernetesCodec(
  JSON.parse(readFileSync(new URL("../schemas/kubernetes/protobuf.json", import.meta.url), "utf8")),
);

interface Answer {
  readonly code: number;
  readonly warnings: readonly string[];
  readonly json: JsonObject;
}

const last = new LastAnswers();

async function send(request: KindRequest): Promise<Answer> {
  const { headers, body } = requestOf(request, last.of(request), codec);
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(server + request.path, {
      method: request.method,
      headers: { ...headers, authorization: `Bearer ${token}` },
      dispatcher,
      ...(body === undefined ? {} : { body }),
    });
    const json = (await answer.json()) as JsonObject;
    if (request.until !== undefined && !isReached(request.until, answer.status, json) && attempt < 100) {
      await sleep(100);
      continue;
    }
    return { code: answer.status, warnings: warningTexts(answer.headers.get("warning")), json };
  }
}

const lines: (KindExchange | KindBase)[] = [];

async function record(request: KindRequest): Promise<Answer> {
  const answer = await send(request);
  const { code, warnings, json } = answer;
  last.note(request, json);
  lines.push({
    ...request,
    code,
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(request.until === undefined ? { answer: comparable(json) } : {}),
  });
  return answer;
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Where things stand in an object, outermost first. */
function* pathsOf(value: Json, at: Path = []): Generator<Path> {
  if (at.length > 0) yield at;
  if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* pathsOf(item, [...at, i]);
  else if (isObject(value))
    for (const key of Object.keys(value)) yield* pathsOf(value[key] as Json, [...at, key]);
}

const valueAt = (object: Json, path: Path): Json | undefined =>
  path.reduce<Json | undefined>((value, key) => (value as Record<string, Json> | undefined)?.[key], object);

function without(object: JsonObject, path: Path): JsonObject {
  const copy = structuredClone(object);
  const parent = valueAt(copy, path.slice(0, -1));
  const key = path.at(-1) as string | number;
  if (Array.isArray(parent)) parent.splice(key as number, 1);
  else delete (parent as JsonObject)[key];
  return copy;
}

/** The object without everything that the server can do without. */
async function minimal(path: string, object: JsonObject): Promise<JsonObject> {
  let least = object;
  const kept = new Set<string>();
  for (let found = true; found; ) {
    found = false;
    for (const at of pathsOf(least)) {
      const key = JSON.stringify(at);
      if (kept.has(key) || at.length > 5 || ["kind", "apiVersion"].includes(String(at[0]))) continue;
      if (at[0] === "metadata" && (at.length === 1 || at[1] === "name")) continue;
      const less = without(least, at);
      const { code } = await send({
        kind: "",
        step: "",
        method: "POST",
        path: `${path}?dryRun=All`,
        body: less,
      });
      if (code === 201) {
        least = less;
        found = true;
        break;
      }
      kept.add(key);
    }
  }
  return least;
}

function otherValue(value: Json): Json | undefined {
  if (typeof value === "boolean") return !value;
  if (typeof value === "number") return value + 1;
  return typeof value === "string" ? `${value}x` : undefined;
}

/** A merge patch that changes one leaf; of a list, the whole list. */
function patchOf(object: JsonObject, path: Path): JsonObject {
  const changed = structuredClone(object);
  const parent = valueAt(changed, path.slice(0, -1)) as Record<string | number, Json>;
  const key = path.at(-1) as string | number;
  parent[key] = otherValue(parent[key] as Json) as Json;
  const names: string[] = [];
  for (const part of path) {
    if (typeof part === "number") break;
    names.push(part);
  }
  return names.reduceRight<Json>(
    (value, name) => ({ [name]: value }),
    valueAt(changed, names) as Json,
  ) as JsonObject;
}

/** Changes of single fields that are let through, and others that are refused, each in another way. */
async function changesOf(kind: string, path: string, object: JsonObject): Promise<JsonObject[]> {
  const accepted: JsonObject[] = [];
  const refused = new Map<string, JsonObject>();
  let attempts = 0;
  for (const at of pathsOf(object)) {
    if (["kind", "apiVersion", "metadata", "status"].includes(String(at[0]))) continue;
    // A controller in the server settles names in time.
    if (kind === "CustomResourceDefinition" && at[1] === "names") continue;
    if (otherValue(valueAt(object, at) as Json) === undefined) continue;
    if (attempts++ > attemptsMax) break;
    const body = patchOf(object, at);
    const probe = { kind, step: "", method: "PATCH", path: `${path}?dryRun=All`, type: merge, body };
    // The original falls over some of them.
    const answer = await send(probe).catch(() => undefined);
    if (answer === undefined) continue;
    if (answer.code === 200) {
      if (accepted.length < changesMax) accepted.push(body);
      continue;
    }
    const why = String(answer.json["message"]).replace(/.*?: /, "").slice(0, 60);
    if (refused.size < changesMax && !refused.has(why)) refused.set(why, body);
  }
  return [...accepted, ...refused.values()];
}

const named = (object: JsonObject, name: string): JsonObject => ({
  ...object,
  metadata: { ...(object["metadata"] as JsonObject), name },
});

const nameOf = (object: JsonObject): string => String((object["metadata"] as JsonObject)["name"]);

/** Statuses with every field, from upstream's test data. */
const statuses = new Map<string, Json>();
const roundtrip = new URL("../test/fixtures/kubernetes/roundtrip.jsonl.gz", import.meta.url);
for (const line of gunzipSync(readFileSync(roundtrip)).toString().trim().split("\n")) {
  const { json } = JSON.parse(line);
  const object = typeof json === "string" ? JSON.parse(json) : json;
  if (object.status !== undefined) statuses.set(`${object.apiVersion} ${object.kind}`, object.status);
}

/** The same resource in other versions. */
const otherVersions: Readonly<Record<string, string>> = {
  "/apis/autoscaling/v2/": "/apis/autoscaling/v1/",
  "/apis/autoscaling/v1/": "/apis/autoscaling/v2/",
  "/apis/events.k8s.io/v1/": "/api/v1/",
};

/** Conditions that the server itself sets in time. */
const settles: Readonly<Record<string, string>> = { CustomResourceDefinition: "Established" };

/** Nothing is stored, or what is would be changed by the server meanwhile. */
const isAnsweredOnly = (kind: string): boolean => kind.endsWith("Review") || kind === "APIService";

async function recordObject(path: string, object: JsonObject, label: string): Promise<void> {
  const kind = String(object["kind"]);
  const at = `${path}/${nameOf(object)}`;
  const step = (name: string): { kind: string; step: string } => ({ kind, step: `${label}: ${name}` });
  const created = await record({ ...step("POST"), method: "POST", path, body: object });
  if (created.code !== 201) console.error(`${kind} ${label}: ${JSON.stringify(created.json)}`);
  if (isAnsweredOnly(kind)) return;
  await settle(kind, label, at);
  await record({ ...step("GET"), method: "GET", path: at });
  await record({ ...step("Table"), method: "GET", path: at, accept: table });
  for (const [from, to] of Object.entries(otherVersions))
    if (at.startsWith(from))
      await record({ ...step("GET in another version"), method: "GET", path: at.replace(from, to) });
  const change = { metadata: { labels: { put: "1" }, annotations: { "example.com/put": "1" } } };
  await record({ ...step("PUT"), method: "PUT", path: `${at}?fieldManager=put`, change });
  await record({
    ...step("PUT without a change"),
    method: "PUT",
    path: `${at}?fieldManager=same`,
    change: {},
  });
  for (const [i, body] of (await changesOf(kind, at, object)).entries()) {
    await record({
      ...step(`merge patch ${i}`),
      method: "PATCH",
      path: `${at}?fieldManager=merge`,
      type: merge,
      body,
    });
    await record({
      ...step(`strategic merge patch ${i}`),
      method: "PATCH",
      path: `${at}?fieldManager=strategic`,
      type: strategic,
      body: {
        ...body,
        metadata: { labels: { [`strategic${i}`]: "1" }, annotations: { "example.com/put": null } },
      },
    });
  }
  const status = statuses.get(`${String(object["apiVersion"])} ${kind}`);
  if (status !== undefined) {
    await record({ ...step("GET again"), method: "GET", path: at });
    const path = `${at}/status?fieldManager=status`;
    const change = { status, metadata: { labels: { status: "1" } } };
    await record({ ...step("PUT of the status"), method: "PUT", path, change });
    const { conditions: _conditions, ...rest } = status as JsonObject;
    await record({
      ...step("merge patch of the status"),
      method: "PATCH",
      path,
      type: merge,
      body: { status: rest },
    });
    await record({ ...step("Table with a status"), method: "GET", path: at, accept: table });
  }
  await remove(kind, label, at);
}

async function settle(kind: string, label: string, at: string): Promise<void> {
  const condition = settles[kind];
  if (condition === undefined) return;
  await record({ kind, step: `${label}: becomes ${condition}`, method: "GET", path: at, until: condition });
}

async function remove(kind: string, label: string, at: string): Promise<void> {
  const step = (name: string): { kind: string; step: string } => ({ kind, step: `${label}: ${name}` });
  const { json } = await send({ ...step(""), method: "GET", path: at });
  const { finalizers } = (json["metadata"] ?? {}) as JsonObject;
  if (finalizers !== undefined && kind !== "CustomResourceDefinition")
    await record({
      ...step("without finalizers"),
      method: "PATCH",
      path: at,
      type: merge,
      body: { metadata: { finalizers: null } },
    });
  await record({
    ...step("DELETE"),
    method: "DELETE",
    path: `${at}?gracePeriodSeconds=0&propagationPolicy=Background`,
  });
  if (kind !== "Namespace") await record({ ...step("is gone"), method: "GET", path: at, until: 404 });
}

/** Server-side apply: the least, the rest by somebody else, with force, and no longer. */
async function recordApply(path: string, least: JsonObject, rich: JsonObject): Promise<void> {
  const kind = String(rich["kind"]);
  const at = `${path}/${nameOf(least)}`;
  const applied = async (name: string, query: string, body: JsonObject): Promise<Answer> =>
    await record({
      kind,
      step: `apply: ${name}`,
      method: "PATCH",
      path: `${at}?${query}`,
      type: apply,
      body,
    });
  await applied("the least", "fieldManager=a", least);
  await settle(kind, "apply", at);
  await applied("everything, by another", "fieldManager=b", rich);
  await applied("everything, by force", "fieldManager=b&force=true", rich);
  await applied("no more than the least", "fieldManager=b", least);
  await remove(kind, "apply", at);
}

/** With the names of the other, where a controller in the server settles names in time. */
function withSettled(object: JsonObject, other: JsonObject): JsonObject {
  if (object["kind"] !== "CustomResourceDefinition") return object;
  const { names } = other["spec"] as JsonObject;
  return { ...object, spec: { ...(object["spec"] as JsonObject), names: names as Json } };
}

const { bases, exchanges: _recordedBefore } = readBases();

function readBases(): ReturnType<typeof readKinds> {
  const before = flags.objects === undefined ? [] : readFileSync(flags.objects, "utf8").trim().split("\n");
  const added = before.map((line): KindBase => JSON.parse(line));
  try {
    const { bases: known, exchanges } = readKinds();
    return { bases: [...known, ...added], exchanges };
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    return { bases: added, exchanges: [] };
  }
}

for (const { path, object } of bases) {
  lines.push({ path, object });
  const kind = String(object["kind"]);
  if (isAnsweredOnly(kind)) {
    await recordObject(`${path}?dryRun=All`, object, "dry run");
    continue;
  }
  const name = nameOf(object);
  const probe = named(object, `${name}-x`);
  const { code } = await send({ kind, step: "", method: "POST", path: `${path}?dryRun=All`, body: probe });
  const name2 = (suffix: string): string => (code === 201 ? `${name}-${suffix}` : name);
  await recordObject(path, named(object, name2("rich")), "rich");
  const least = await minimal(path, named(object, name2("least")));
  await recordObject(path, least, "least");
  const inProtobuf = named(object, name2("protobuf"));
  if (codec.supports(String(object["apiVersion"]), kind)) {
    const body = { ...inProtobuf };
    await record({ kind, step: "protobuf: POST", method: "POST", path, type: protobuf, body });
    await settle(kind, "protobuf", `${path}/${nameOf(inProtobuf)}`);
    await remove(kind, "protobuf", `${path}/${nameOf(inProtobuf)}`);
  }
  await recordApply(path, named(least, name2("apply")), named(withSettled(object, least), name2("apply")));
  console.error(`${kind}: ${lines.length} lines`);
}
writeFileSync(fixture, gzipSync(`${lines.map((line) => JSON.stringify(line)).join("\n")}\n`, { level: 9 }));
await dispatcher.close();
