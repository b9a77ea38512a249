/**
 * Writes test/fixtures/kubernetes/mutations.jsonl.gz anew: what a kube-apiserver answers to objects with one thing wrong each.
 *
 *   node scripts/record-mutations.ts --server https://127.0.0.1:6443 --token TOKEN [--updates]
 *
 * The server must be a real one, of the release to be compared with, without objects of its own making in the way, with a
 * ServiceAccount `default` and a RuntimeClass `rc` (overhead cpu: 1m), and started with --service-cluster-ip-range=10.96.0.0/16 and
 * --allow-privileged. Nothing is stored there: every request is a dry run. With --updates, updates.jsonl.gz is written: the valid
 * objects are made, and what is wrong is put in their place. The valid objects are those of the fixture: add a line
 * `{"path":…,"object":…}` to it for another kind, and record.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { Agent, fetch } from "undici";

type Value = null | boolean | number | string | Value[] | { [key: string]: Value };
type Path = readonly (string | number)[];

interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly $ref?: string;
  readonly allOf?: readonly { readonly $ref: string }[];
  readonly oneOf?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly "x-kubernetes-group-version-kind"?: readonly { group: string; version: string; kind: string }[];
}

const long = "a".repeat(300);
/** As the fixture writes it. */
const longShown = "\u0024{300}";
const malformed = "Bad_Value!";
/** What only the server writes. */
const ofServer = new Set(["apiVersion", "kind", "status", "managedFields", "uid", "resourceVersion"]);
/** What another server would answer otherwise: uids, times, addresses and ports it hands out, names it makes. */
const oneTime =
  /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|20\d\d-\d\d-\d\dT(?!00:00:00Z)|kube-api-access-|10\.96\.|"nodePort":3|being deleted/;

const { values: flags } = parseArgs({
  options: { server: { type: "string" }, token: { type: "string" }, updates: { type: "boolean" } },
});
if (flags.server === undefined || flags.token === undefined) {
  console.error("usage: node scripts/record-mutations.ts --server URL --token TOKEN [--updates]");
  process.exit(2);
}
const { server, token, updates = false } = flags;
const name = updates ? "updates" : "mutations";
const fixture = new URL(`../test/fixtures/kubernetes/${name}.jsonl.gz`, import.meta.url);
const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });

/** What of an answer is looked at: a Status, an object, or a document of OpenAPI. */
interface Answer {
  readonly kind?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly unknown[] };
  readonly components?: { readonly schemas: Readonly<Record<string, Schema>> };
}

type Nested = { [key: string | number]: Value };

async function call(method: string, path: string, body?: Value) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const init = { method, headers, dispatcher, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await fetch(server + path, init);
  return {
    code: answer.status,
    warning: answer.headers.get("warning"),
    json: (await answer.json()) as Answer,
  };
}

const documents = new Map<string, Readonly<Record<string, Schema>>>();

async function schemasOf(apiVersion: string): Promise<Readonly<Record<string, Schema>>> {
  let schemas = documents.get(apiVersion);
  if (schemas === undefined) {
    const path = apiVersion.includes("/") ? `apis/${apiVersion}` : `api/${apiVersion}`;
    schemas = (await call("GET", `/openapi/v3/${path}`)).json.components?.schemas;
    documents.set(apiVersion, schemas ?? {});
  }
  return schemas ?? {};
}

/** Every object with one thing changed: `at` where, `value` to what; without it, taken away. */
function* mutationsOf(object: Value, schemas: Readonly<Record<string, Schema>>, root: Schema) {
  const resolved = (schema: Schema | undefined): Schema => {
    const reference = schema?.$ref ?? schema?.allOf?.[0]?.$ref;
    return reference === undefined ? (schema ?? {}) : resolved(schemas[reference.split("/").at(-1) ?? ""]);
  };
  const sample = (given: Schema): Value => {
    const schema = resolved(given);
    if (schema.oneOf !== undefined) return malformed;
    if (schema.type === "string")
      return schema.format === "date-time"
        ? "2026-01-01T00:00:00Z"
        : schema.format === "byte"
          ? "AAAA"
          : malformed;
    if (schema.type === "integer" || schema.type === "number") return -1;
    if (schema.type === "boolean") return true;
    return schema.type === "array" ? [sample(schema.items ?? {})] : {};
  };
  const instead = (value: Value, { properties }: Schema): Value[] => {
    if (typeof value === "boolean") return [!value];
    if (typeof value === "number") return [-1, 0, 70_000, 4_000_000_000];
    if (typeof value === "string") return ["", malformed, long];
    if (Array.isArray(value)) return value.length === 0 ? [[]] : [[], [...value, value[0] as Value]];
    if (value === null || properties !== undefined) return [{}];
    const first = Object.values(value)[0] ?? "x";
    const isText = Object.values(value).every((each) => typeof each === "string");
    return [
      {},
      { ...value, "Bad Key!": first },
      { ...value, "bad.": first },
      ...(isText ? [{ ...value, x: "Bad Value!" }] : []),
    ];
  };
  function* walk(value: Value, given: Schema | undefined, at: Path): Generator<{ at?: Path; value?: Value }> {
    const schema = resolved(given);
    if (at.length === 1 && ofServer.has(String(at[0]))) return;
    if (at.length > 0) {
      if (typeof at.at(-1) === "string") yield { at };
      for (const other of instead(value, schema))
        if (JSON.stringify(other) !== JSON.stringify(value)) yield { at, value: other };
    }
    if (Array.isArray(value))
      for (const [i, item] of value.entries()) yield* walk(item, schema.items, [...at, i]);
    else if (typeof value === "object" && value !== null) {
      const { properties = {}, additionalProperties } = schema;
      for (const [name, inner] of Object.entries(value))
        yield* walk(inner, properties[name] ?? additionalProperties, [...at, name]);
      for (const [name, inner] of Object.entries(properties)) {
        if (Object.hasOwn(value, name) || ofServer.has(name)) continue;
        yield { at: [...at, name], value: sample(inner) };
      }
    }
  }
  yield {};
  yield* walk(object, root, []);
}

/** The object that a mutation begins with, and how it is sent: to be made, or in the place of what was made just now. */
async function start(base: { readonly path: string; readonly object: Nested }) {
  if (!updates) return { method: "POST", path: base.path, object: base.object as Value };
  await call("POST", base.path, base.object as Value);
  const path = `${base.path}/${(base.object["metadata"] as Nested)["name"]}`;
  const { status: _, metadata, ...rest } = (await call("GET", path)).json as unknown as Nested;
  const { name, namespace, labels, annotations, finalizers } = metadata as Nested;
  const kept = Object.entries({ name, namespace, labels, annotations, finalizers });
  const written = Object.fromEntries(kept.filter(([, value]) => value !== undefined)) as Value;
  return { method: "PUT", path, object: { ...rest, metadata: written } as Value };
}

function changed(object: Value, { at, ...change }: { at?: Path; value?: Value }): Value {
  const copy = structuredClone(object) as Nested;
  if (at === undefined) return copy;
  const parent = at.slice(0, -1).reduce((value, key) => value[key] as Nested, copy);
  if (Object.hasOwn(change, "value")) parent[at.at(-1) as string] = change.value as Value;
  else delete parent[at.at(-1) as string];
  return copy;
}

/** Templates of pods are checked alike wherever they stand: two kinds with them are enough. */
const isRepeated = (kind: string, at: Path): boolean =>
  kind !== "Deployment" &&
  kind !== "Job" &&
  at.indexOf("spec", at.indexOf("template")) > at.indexOf("template") &&
  at.includes("template");

const lines: unknown[] = [];
const seen = new Set<string>();
let silent = 0;
let compared = 0;
let recorded = 0;
for (const line of gunzipSync(readFileSync(fixture)).toString().trim().split("\n")) {
  const base = JSON.parse(line);
  if (base.object === undefined) continue;
  lines.push(base);
  const { apiVersion, kind } = base.object;
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const schemas = await schemasOf(apiVersion);
  const root = Object.values(schemas).find((schema) =>
    schema["x-kubernetes-group-version-kind"]?.some(
      (each) => each.group === group && each.version === version && each.kind === kind,
    ),
  );
  const { method, path, object } = await start(base);
  for (const mutation of mutationsOf(object, schemas, root ?? {})) {
    const { at = [] } = mutation;
    if (isRepeated(kind, at)) continue;
    let answer: Awaited<ReturnType<typeof call>>;
    try {
      answer = await call(method, `${path}?dryRun=All`, changed(object, mutation));
    } catch {
      continue; // The original falls over some of them.
    }
    const warnings = [...(answer.warning ?? "").matchAll(/299 - ("(?:[^"\\]|\\.)*")/g)].map(([, text]) =>
      JSON.parse(text as string),
    );
    const { causes = [] } = answer.json.details ?? {};
    const told = {
      code: answer.code,
      ...(warnings.length > 0 ? { warnings } : {}),
      ...(answer.json.kind !== "Status"
        ? {}
        : causes.length > 0
          ? { causes }
          : { message: answer.json.message }),
    };
    // The same mistake in the same field of the same kind is told alike, whichever item of a list has it.
    const field = at.filter((key) => typeof key === "string").slice(-2);
    const scope = at[0] === "metadata" ? "metadata" : kind;
    const shape = JSON.stringify([scope, field, String(mutation.value).slice(0, 12), told]).replace(
      /\[\d+\]/g,
      "[]",
    );
    if (seen.has(shape) || oneTime.test(JSON.stringify([mutation, told]))) continue;
    seen.add(shape);
    // There from before, so nothing is told; and of what is let through without a word, some will do.
    if (told.code === 409) continue;
    if (told.code < 300 && warnings.length === 0 && ++silent % 6 !== 0) continue;
    // What changed in a whole spec is long: some will do.
    if (JSON.stringify(told).includes("@@") && ++compared % 4 !== 0) continue;
    // Two thirds of the updates are what a test has time for.
    if (updates && ++recorded % 3 === 0) continue;
    lines.push({ ...mutation, ...told });
  }
  console.error(`${kind}: ${lines.length} lines`);
}
const text = lines
  .map((line) => JSON.stringify(line))
  .join("\n")
  .replaceAll(long, longShown);
writeFileSync(fixture, gzipSync(`${text}\n`, { level: 9 }));
await dispatcher.close();
