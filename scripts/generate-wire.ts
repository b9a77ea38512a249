/**
 * Writes the codecs of etcd's messages, one file a package, from schemas/etcd/protobuf.json.
 *
 *   node scripts/generate-wire.ts [--check]
 *
 * The output depends on nothing but the schema and this file. `--check` writes nothing and fails where a file is stale.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface Field {
  readonly id: number;
  readonly type: string;
  readonly protoName?: string;
  readonly rule?: string;
}

interface Method {
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
  readonly parsedOptions?: readonly Record<
    string,
    { post: string; additional_bindings?: { post: string } }
  >[];
}

interface Node {
  readonly nested?: Readonly<Record<string, Node>>;
  readonly fields?: Readonly<Record<string, Field>>;
  readonly values?: Readonly<Record<string, number>>;
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[] }>>;
  readonly methods?: Readonly<Record<string, Method>>;
}

/** raftpb is left out: members speak a protocol of their own. */
const packages = ["mvccpb", "authpb", "etcdserverpb", "v3lockpb", "v3electionpb"];

/** 64-bit fields that name something: every bit counts, so they are bigints. */
const identities = new Set(["ID", "memberID", "memberId", "clusterId", "leader", "lease", "targetID"]);

/**
 * 64-bit numbers that come back to the sender: refused where they are not exact. All other numbers of a request are
 * only compared with revisions, counts and limits far below 2^53, and may be cut to that.
 */
const echoed = new Set(["watchId"]);

const root = JSON.parse(
  readFileSync(new URL("../schemas/etcd/protobuf.json", import.meta.url), "utf8"),
) as Node;

interface Type {
  /** Name in the generated file. */
  readonly name: string;
  readonly package: string;
  readonly protoName: string;
  readonly node: Node;
}

/** Every message and enum, by its full name. */
const types = new Map<string, Type>();

function collect(node: Node, packageName: string, path: readonly string[]): void {
  for (const [name, child] of sorted(node.nested)) {
    const here = [...path, name];
    if (child.fields || child.values) {
      const protoName = `${packageName}.${here.join(".")}`;
      types.set(protoName, { name: here.join(""), package: packageName, protoName, node: child });
    }
    collect(child, packageName, here);
  }
}

function sorted<T>(record: Readonly<Record<string, T>> | undefined): [string, T][] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** protobuf's name lookup: the innermost scope that has it. */
function resolve(name: string, scope: string): Type {
  const parts = scope.split(".");
  for (let length = parts.length; length >= 0; length--) {
    const found = types.get([...parts.slice(0, length), name].join("."));
    if (found) return found;
  }
  throw new Error(`${scope}: unknown type ${name}`);
}

interface Member {
  readonly name: string;
  readonly protoName: string;
  readonly id: number;
  readonly kind: string;
  readonly repeated: boolean;
  /** The full name of the oneof that it belongs to. */
  readonly union: string | undefined;
  readonly siblings: readonly string[];
  readonly bigint: boolean;
  readonly clamped: boolean;
  readonly target: Type | undefined;
}

const scalars = new Set(["bytes", "string", "bool", "int32", "uint32", "int64", "uint64"]);

function members(type: Type): Member[] {
  const { fields, oneofs } = type.node;
  const request = /(Request|^Compare|^LeaderKey)$/.test(type.name);
  return Object.entries(fields ?? {})
    .map(([name, field]) => {
      const target = scalars.has(field.type) ? undefined : resolve(field.type, type.protoName);
      const wide = field.type === "int64" || field.type === "uint64";
      const [union, { oneof: siblings = [] } = {}] =
        Object.entries(oneofs ?? {}).find(([, candidate]) => candidate.oneof.includes(name)) ?? [];
      return {
        name,
        protoName: field.protoName ?? name,
        id: field.id,
        kind: target ? (target.node.values ? "enum" : "message") : field.type,
        repeated: field.rule === "repeated",
        union:
          union && `${type.protoName}.${union.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
        siblings,
        bigint: wide && identities.has(name),
        clamped: request && field.type === "int64" && !echoed.has(name),
        target,
      };
    })
    .sort((a, b) => a.id - b.id);
}

function typeScriptType(member: Member): string {
  const one =
    member.kind === "bytes"
      ? "Uint8Array"
      : member.kind === "string"
        ? "string"
        : member.kind === "bool"
          ? "boolean"
          : member.kind === "message"
            ? member.target?.name
            : member.bigint
              ? "bigint"
              : "number";
  if (member.repeated) return `readonly ${one}[]`;
  return member.kind === "message" || member.siblings.length > 0 ? `${one} | undefined` : `${one}`;
}

function initial(member: Member): string {
  if (member.repeated) return "[]";
  if (member.kind === "message" || member.siblings.length > 0) return "undefined";
  if (member.kind === "bytes") return "emptyBytes";
  if (member.kind === "string") return '""';
  if (member.kind === "bool") return "false";
  return member.bigint ? "0n" : "0";
}

const writerMethod: Record<string, string> = {
  bytes: "bytes",
  string: "string",
  bool: "bool",
  int32: "int32",
  enum: "int32",
  uint32: "uint32",
  int64: "int64",
  uint64: "int64",
};

function isLengthDelimited(kind: string): boolean {
  return kind === "bytes" || kind === "string" || kind === "message";
}

function tagOf(member: Member): number {
  const packed = member.repeated && !isLengthDelimited(member.kind);
  return (member.id << 3) | (isLengthDelimited(member.kind) || packed ? 2 : 0);
}

function writeOne(member: Member, value: string, indent: string): string[] {
  const tag = tagOf(member);
  if (member.kind === "message") {
    return [
      `${indent}const before = w.length;`,
      `${indent}${member.target?.name}.write(w, ${value});`,
      `${indent}w.message(${tag}, before);`,
    ];
  }
  const method = member.bigint ? "bigint64" : writerMethod[member.kind];
  return [`${indent}w.${method}(${tag}, ${value});`];
}

function writeLines(member: Member): string[] {
  const value = `m.${member.name}`;
  if (member.repeated) {
    if (!isLengthDelimited(member.kind)) {
      const method = member.bigint ? "packedBigint64" : "packedInt32";
      return [`    if (${value} && ${value}.length > 0) w.${method}(${tagOf(member)}, ${value});`];
    }
    return [
      `    if (${value}) {`,
      `      for (let i = ${value}.length - 1; i >= 0; i--) {`,
      ...writeOne(member, `${value}[i] as NonNullable<(typeof ${value})[number]>`, "        "),
      "      }",
      "    }",
    ];
  }
  const present =
    member.kind === "message" || member.siblings.length > 0
      ? `${value} !== undefined`
      : member.kind === "bytes"
        ? `${value} && ${value}.length > 0`
        : value;
  const lines = writeOne(member, value, "      ");
  return lines.length === 1
    ? [`    if (${present}) ${lines[0]?.trim()}`]
    : [`    if (${present}) {`, ...lines, "    }"];
}

function readerMethod(member: Member): string {
  switch (member.kind) {
    case "enum":
      return "int32";
    case "int64":
      return member.bigint ? "bigint64" : member.clamped ? "int64Clamped" : "int64";
    case "uint64":
      return member.bigint ? "biguint64" : "uint64";
    default:
      return member.kind;
  }
}

function readLines(member: Member): string[] {
  const tag = tagOf(member);
  const lines = [`        case ${tag}: {`];
  if (member.kind === "message") {
    const read = `${member.target?.name}.read(r)`;
    lines.push("          const outer = r.enter();");
    lines.push(`          ${member.repeated ? `${member.name}.push(${read})` : `${member.name} = ${read}`};`);
    lines.push("          r.leave(outer);");
  } else if (member.repeated && !isLengthDelimited(member.kind)) {
    lines.push("          const outer = r.enter();");
    lines.push(`          while (r.more) ${member.name}.push(r.${readerMethod(member)}());`);
    lines.push("          r.leave(outer);");
  } else if (member.repeated) {
    lines.push(`          ${member.name}.push(r.${readerMethod(member)}());`);
  } else {
    lines.push(`          ${member.name} = r.${readerMethod(member)}();`);
  }
  for (const sibling of member.siblings) {
    if (sibling !== member.name) lines.push(`          ${sibling} = undefined;`);
  }
  lines.push("          break;", "        }");
  if (member.repeated && !isLengthDelimited(member.kind)) {
    lines.push(`        case ${member.id << 3}: {`);
    lines.push(`          ${member.name}.push(r.${readerMethod(member)}());`);
    lines.push("          break;", "        }");
  }
  return lines;
}

function infoOf(member: Member): string {
  const parts = [
    `id: ${member.id}`,
    `name: "${member.name}"`,
    `protoName: "${member.protoName}"`,
    `kind: "${member.kind}"`,
  ];
  if (member.repeated) parts.push("repeated: true");
  if (member.union !== undefined) parts.push(`oneof: "${member.union}"`);
  if (member.bigint) parts.push("bigint: true");
  if (member.kind === "enum") parts.push(`enum: ${member.target?.name}`);
  if (member.kind === "message") parts.push(`message: ${member.target?.name}`);
  return `    { ${parts.join(", ")} },`;
}

function messageLines(type: Type): string[] {
  const all = members(type);
  const lines = [`/** ${type.protoName} */`, `export interface ${type.name} {`];
  for (const member of all) lines.push(`  readonly ${member.name}: ${typeScriptType(member)};`);
  lines.push("}", "", `export const ${type.name}: MessageCodec<${type.name}> = {`);
  lines.push(`  name: "${type.protoName}",`);
  lines.push("  fields: () => [", ...all.map(infoOf), "  ],");
  lines.push(all.length === 0 ? "  write() {}," : "  write(w, m) {");
  if (all.length > 0) {
    for (const member of [...all].reverse()) lines.push(...writeLines(member));
    lines.push("  },");
  }
  lines.push("  read(r) {");
  for (const member of all) {
    const kind = member.repeated ? "const" : "let";
    const mutable = typeScriptType(member).replace(/^readonly /, "");
    lines.push(`    ${kind} ${member.name}: ${mutable} = ${initial(member)};`);
  }
  if (all.length === 0) {
    lines.push(`    while (r.more) r.skip(r.tag(), ${type.name});`);
  } else {
    lines.push("    while (r.more) {", "      const tag = r.tag();", "      switch (tag) {");
    for (const member of all) lines.push(...readLines(member));
    lines.push("        default:", `          r.skip(tag, ${type.name});`, "      }", "    }");
  }
  lines.push(`    return { ${all.map((member) => member.name).join(", ")} };`, "  },", "};", "");
  return lines;
}

function enumLines(type: Type): string[] {
  const values = Object.entries(type.node.values ?? {}).sort(([, a], [, b]) => a - b);
  return [
    `/** ${type.protoName}; senders may use numbers that are not listed. */`,
    `export const ${type.name} = {`,
    `  name: "${type.protoName}",`,
    `  values: { ${values.map(([name, value]) => `${name}: ${value}`).join(", ")} },`,
    "} as const satisfies EnumType;",
    "",
  ];
}

function serviceLines(packageName: string, name: string, node: Node): string[] {
  const lines = [`/** ${packageName}.${name} */`, `export const ${name}Service = {`];
  for (const [method, info] of sorted(node.methods)) {
    const request = resolve(info.requestType, packageName);
    const response = resolve(info.responseType, packageName);
    const http = info.parsedOptions?.[0]?.["(google.api.http)"];
    const paths = http
      ? [http.post, ...(http.additional_bindings ? [http.additional_bindings.post] : [])]
      : [];
    lines.push(
      `  ${method}: {`,
      `    path: "/${packageName}.${name}/${method}",`,
      `    request: ${request.name},`,
      `    response: ${response.name},`,
      `    requestStream: ${info.requestStream === true},`,
      `    responseStream: ${info.responseStream === true},`,
      `    gatewayPaths: ${JSON.stringify(paths).replaceAll(",", ", ")},`,
      `  } satisfies MethodInfo<${request.name}, ${response.name}>,`,
    );
  }
  lines.push("};", "");
  return lines;
}

function fileOf(packageName: string): string {
  const node = root.nested?.[packageName];
  if (!node) throw new Error(`the schema has no package ${packageName}`);
  const own = [...types.values()].filter((type) => type.package === packageName);
  const services = sorted(node.nested).filter(([, child]) => child.methods);
  const body = [
    ...own.filter((type) => type.node.values).flatMap(enumLines),
    ...own.filter((type) => type.node.fields).flatMap(messageLines),
    ...services.flatMap(([name, child]) => serviceLines(packageName, name, child)),
  ];
  const text = body.join("\n");
  const foreign = new Map<string, Set<string>>();
  for (const type of own) {
    for (const { target } of members(type)) {
      if (!target || target.package === packageName) continue;
      const names = foreign.get(target.package) ?? new Set();
      foreign.set(target.package, names.add(target.name));
    }
  }
  const codecTypes = ["EnumType", "MessageCodec", "MethodInfo"].filter((name) =>
    new RegExp(`\\b${name}\\b`).test(text),
  );
  const head = [
    "// Generated by scripts/generate-wire.ts from schemas/etcd/protobuf.json. Do not edit.",
    ...(text.includes("emptyBytes") ? ['import { emptyBytes } from "../../base/index.ts";'] : []),
    `import type { ${codecTypes.join(", ")} } from "../protobuf/codec.ts";`,
    ...[...foreign]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, names]) => `import { ${[...names].sort().join(", ")} } from "./${name}.gen.ts";`),
    "",
  ];
  return `${[...head, text].join("\n").trimEnd()}\n`;
}

for (const name of packages) collect(root.nested?.[name] ?? {}, name, []);

const check = process.argv.includes("--check");
let stale = 0;
for (const name of packages) {
  const target = new URL(`../src/wire/etcd/${name}.gen.ts`, import.meta.url);
  const text = fileOf(name);
  if (!check) {
    writeFileSync(target, text);
  } else if (readOrEmpty(target) !== text) {
    stale++;
    console.error(`src/wire/etcd/${name}.gen.ts is stale: run npm run generate`);
  }
}
if (stale > 0) process.exitCode = 1;

function readOrEmpty(target: URL): string {
  try {
    return readFileSync(target, "utf8");
  } catch {
    return "";
  }
}
