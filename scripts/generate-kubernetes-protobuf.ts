/**
 * Writes schemas/kubernetes/protobuf.json: what the codec of Kubernetes' protobuf needs to know of every message.
 *
 *   node scripts/generate-kubernetes-protobuf.ts --go DIR [--out FILE]
 *
 * --go: checkouts of k8s.io/api, apimachinery, apiextensions-apiserver and kube-aggregator of the same level, in folders of these
 *       names. Their generated.proto files do not say which fields are pointers, inlined, or left out of JSON when empty; the
 *       tags of the Go structs do.
 *
 * Output, one message a line: its fields in ascending order of id as `id|name|type|flags|json`.
 *   type:  a scalar, a message's full name, `[]` of one, or `map:` (from string) to one
 *   flags: p pointer, o left out of JSON when empty, i inlined in JSON, l the whole message is this list in JSON
 *   json:  the name in JSON where it is another
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values: flags } = parseArgs({
  options: {
    go: { type: "string" },
    out: { type: "string", default: "schemas/kubernetes/protobuf.json" },
  },
});
if (flags.go === undefined) {
  console.error("usage: node scripts/generate-kubernetes-protobuf.ts --go DIR [--out FILE]");
  process.exit(2);
}
const goDirectory = flags.go;

interface Field {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly shape: "" | "[]" | "map:";
}

interface GoField {
  readonly json: string;
  readonly flags: string;
}

/** By full name. */
const messages = new Map<string, Field[]>();
for (const module of ["api", "apimachinery", "apiextensions-apiserver", "kube-aggregator"]) {
  const found = readdirSync(join(goDirectory, module), { recursive: true, encoding: "utf8" });
  for (const path of found.filter((name) => name.endsWith("generated.proto"))) {
    readProto(readFileSync(join(goDirectory, module, path), "utf8"));
  }
}

/** The little of proto2 that go-to-protobuf writes: a field a line, no nesting. */
function readProto(text: string): void {
  const packageName = /^package (\S+);/m.exec(text)?.[1];
  let fields: Field[] = [];
  for (const line of text.split("\n")) {
    const message = /^message (\w+) \{/.exec(line);
    if (message) {
      fields = [];
      messages.set(`${packageName}.${message[1]}`, fields);
      continue;
    }
    const field = /^ {2}(?:(optional|repeated) (\S+)|map<string, (\S+)>) (\w+) = (\d+);/.exec(line);
    if (!field) continue;
    const [, rule, one, value, name = "", id] = field;
    const shape = value !== undefined ? "map:" : rule === "repeated" ? "[]" : "";
    fields.push({ id: Number(id), name, type: value ?? one ?? "", shape });
  }
}

const scalars = new Set(["bool", "string", "bytes", "int32", "int64", "double"]);

/** The innermost scope that has the name; a leading dot says that it is full. */
function resolve(type: string, scope: string): string {
  if (scalars.has(type)) return type;
  if (type.startsWith(".")) return type.slice(1);
  const parts = scope.split(".");
  for (let length = parts.length; length > 0; length--) {
    const full = [...parts.slice(0, length), type].join(".");
    if (messages.has(full)) return full;
  }
  throw new Error(`${scope}: unknown type ${type}`);
}

/** By Go package: structs, by field id. A message whose Go type is no struct is not among them. */
const packages = new Map<string, Map<string, Map<number, GoField>>>();

function structsOf(packageName: string): Map<string, Map<number, GoField>> {
  const known = packages.get(packageName);
  if (known) return known;
  const directory = join(goDirectory, ...packageName.replace("k8s.io.", "").replaceAll("_", "-").split("."));
  const structs = new Map<string, Map<number, GoField>>();
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith(".go") || file.endsWith("_test.go") || file.endsWith(".pb.go")) continue;
    let fields: Map<number, GoField> | undefined;
    for (const line of readFileSync(join(directory, file), "utf8").split("\n")) {
      const start = /^type (\w+) struct \{/.exec(line);
      if (start) {
        fields = new Map();
        structs.set(start[1] as string, fields);
      } else if (line.startsWith("}")) {
        fields = undefined;
      }
      const tag = fields && /^\s*(?:\w+\s+)?(\S+)\s+`([^`]*)`/.exec(line);
      const id = tag && /protobuf:"[a-z0-9]+,(\d+),/.exec(tag[2] as string);
      if (!fields || !tag || !id) continue;
      const [json = "", ...options] = (/json:"([^"]*)"/.exec(tag[2] as string)?.[1] ?? "").split(",");
      const pointer = (tag[1] as string).startsWith("*") ? "p" : "";
      const omitted = options.includes("omitempty") || options.includes("omitzero") ? "o" : "";
      fields.set(Number(id[1]), { json, flags: pointer + omitted + (options.includes("inline") ? "i" : "") });
    }
  }
  packages.set(packageName, structs);
  return structs;
}

const lines = [...messages]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, fields]) => {
    const dot = name.lastIndexOf(".");
    const struct = structsOf(name.slice(0, dot)).get(name.slice(dot + 1));
    const entries = fields
      .toSorted((a, b) => a.id - b.id)
      .map((field) => {
        const { name: fieldName } = field;
        const whole = `${field.shape}${resolve(field.type, name)}`;
        const go = struct?.get(field.id);
        const list = struct === undefined && fieldName === "items" && fields.length === 1 ? "l" : "";
        const json = go && go.json !== fieldName && !go.flags.includes("i") ? go.json : "";
        return `${field.id}|${fieldName}|${whole}|${go?.flags ?? list}|${json}`.replace(/\|{1,2}$/, "");
      });
    return `${JSON.stringify(name)}:${JSON.stringify(entries)}`;
  });
writeFileSync(flags.out, `{\n${lines.join(",\n")}\n}\n`);
