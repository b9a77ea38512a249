/**
 * Writes schemas/kubernetes/ from what a Kubernetes API server publishes about itself:
 *
 *   node scripts/generate-schemas.ts --facts DIR --go DIR [--out schemas/kubernetes]
 *
 * --facts: kubernetes-openapi-v3.json.gz (keyed by path under /openapi/v3), kubernetes-discovery.json (aggregated, v2),
 *          kubernetes-table-columns.json (by group/version/resource) and kubernetes-bootstrap-rbac.json (by resource)
 * --go:    checkouts of k8s.io/api, apimachinery, kube-aggregator and apiextensions-apiserver of the same level, in folders of
 *          these names. OpenAPI does not say which fields are pointers or how an empty one is encoded; their Go tags do.
 *
 * Output, deterministic and compact:
 *   definitions.json  every OpenAPI v3 schema by definition name
 *   structs.json      by definition name: its fields in Go's order as `name|flags|type`; flags: o omitempty, z omitzero, p pointer;
 *                     type: Go's name for it where it is not the one that the schema implies
 *   resources.json    discovery with the columns of the Tables
 *   bootstrap-rbac.json  the roles and bindings that a fresh server has
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { goTypeOfSchema, type OpenApiSchema, shortName } from "../src/schema/go-types.ts";

/** Where an environment variable says what a flag does not. */
function given(name: string): { default?: string } {
  const value = process.env[name];
  return value === undefined ? {} : { default: value };
}

const { values: flags } = parseArgs({
  options: {
    facts: { type: "string", ...given("KUBERNETES_FACTS") },
    go: { type: "string", ...given("KUBERNETES_GO") },
    out: { type: "string", default: "schemas/kubernetes" },
  },
});
if (flags.facts === undefined || flags.go === undefined) {
  console.error(
    "usage: node scripts/generate-schemas.ts --facts DIR --go DIR [--out DIR] (or KUBERNETES_FACTS, KUBERNETES_GO)",
  );
  process.exit(2);
}
const factsDirectory = flags.facts;
const goDirectory = flags.go;

function readFacts(name: string): unknown {
  const bytes = readFileSync(join(factsDirectory, name));
  return JSON.parse((name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"));
}

function sorted<T>(record: Record<string, T>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** One entry a line: a regeneration shows as a readable diff. */
function write(name: string, entries: [string, unknown][]): void {
  const lines = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  writeFileSync(join(flags.out, name), `{\n${lines.join(",\n")}\n}\n`);
}

// --- OpenAPI -------------------------------------------------------------------------------------------------------------

type Documents = Record<string, { components?: { schemas?: Record<string, OpenApiSchema> } }>;

function collectDefinitions(documents: Documents): Record<string, OpenApiSchema> {
  const definitions: Record<string, OpenApiSchema> = {};
  for (const [path, document] of sorted(documents)) {
    for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
      const known = definitions[name];
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
        throw new Error(`${path}: ${name} differs from the same definition in another document`);
      }
      definitions[name] = schema;
    }
  }
  return definitions;
}

// --- Go structs ----------------------------------------------------------------------------------------------------------

interface GoField {
  /** undefined: embedded and inlined. */
  readonly json: string | undefined;
  readonly flags: string;
  readonly type: string;
}

/** Packages by the prefix of their definition names. */
const packagePrefixes: Record<string, string> = {
  "io.k8s.api.": "api",
  "io.k8s.apimachinery.": "apimachinery",
  "io.k8s.kube-aggregator.": "kube-aggregator",
  "io.k8s.apiextensions-apiserver.": "apiextensions-apiserver",
};

function packageDirectory(definition: string): string {
  for (const [prefix, folder] of Object.entries(packagePrefixes)) {
    if (definition.startsWith(prefix)) {
      const parts = definition.slice(prefix.length).split(".").slice(0, -1);
      return join(goDirectory, folder, ...parts);
    }
  }
  throw new Error(`no Go package for ${definition}`);
}

const structsByDirectory = new Map<string, Map<string, GoField[]>>();

function structsIn(directory: string): Map<string, GoField[]> {
  let structs = structsByDirectory.get(directory);
  if (structs !== undefined) return structs;
  structs = new Map();
  structsByDirectory.set(directory, structs);
  if (!existsSync(directory)) return structs;
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith(".go") || file.endsWith("_test.go") || /^(zz_|generated)/.test(file)) continue;
    const source = readFileSync(join(directory, file), "utf8");
    for (const match of source.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
      structs.set(match[1] as string, readFields(match[2] as string));
    }
  }
  return structs;
}

function readFields(body: string): GoField[] {
  const fields: GoField[] = [];
  for (const line of body.split("\n")) {
    const match = /^\s*(?:(\w+)\s+)?([\w.*[\]]+)\s+`(.*)`/.exec(line);
    const tag = match === null ? undefined : /json:"([^"]*)"/.exec(match[3] as string)?.[1];
    if (match === null || tag === undefined || tag === "-") continue;
    const [json, ...options] = tag.split(",");
    const type = match[2] as string;
    const flagText =
      (options.includes("omitempty") ? "o" : "") +
      (options.includes("omitzero") ? "z" : "") +
      (type.startsWith("*") ? "p" : "");
    fields.push({
      json: options.includes("inline") || json === "" ? undefined : json,
      flags: flagText,
      type,
    });
  }
  return fields;
}

/** Fields of a struct, those of inlined ones in their place. */
function flattenedFields(directory: string, name: string): GoField[] | undefined {
  const fields = structsIn(directory).get(name);
  return fields?.flatMap((field) => {
    if (field.json !== undefined) return [field];
    const [owner, inner] = field.type.replace("*", "").split(".") as [string, string | undefined];
    if (inner === undefined) return flattenedFields(directory, owner) ?? [];
    const home =
      owner === "metav1" ? "apimachinery/pkg/apis/meta/v1" : owner === "v1" ? "api/core/v1" : undefined;
    if (home === undefined)
      throw new Error(`${directory} ${name}: inlined ${field.type} of an unknown package`);
    return flattenedFields(join(goDirectory, home), inner) ?? [];
  });
}

/** A type as reflect prints it: pointers gone at the top, packages by their last name. */
function printedType(type: string, directory: string): string {
  const ownPackage = directory.split("/").at(-1) as string;
  return type
    .replace(/^\*/, "")
    .replace(/(\w+\.)?(\w+)/g, (whole, owner: string | undefined, name: string) => {
      if (owner !== undefined) return `${owner.replace(/^(metav1|corev1|apiv1|v1)\.$/, "v1.")}${name}`;
      return /^(string|bool|byte|u?int\d*|float64|map)$/.test(name) ? whole : `${ownPackage}.${name}`;
    })
    .replace(/\bbyte\b/g, "uint8")
    .replace(/^int$/, "int");
}

function structLine(definition: string, schema: OpenApiSchema): string[] | undefined {
  const properties = schema.properties;
  if (properties === undefined) return undefined;
  const directory = packageDirectory(definition);
  const fields = flattenedFields(directory, shortName(definition));
  if (fields === undefined) throw new Error(`${definition}: no Go struct in ${directory}`);
  const known = fields.filter((field) => Object.hasOwn(properties, field.json as string));
  const missing = Object.keys(properties).filter((name) => !known.some((field) => field.json === name));
  if (missing.length > 0) throw new Error(`${definition}: no Go field for ${missing.join(", ")}`);
  return known.map((field) => {
    const implied = goTypeOfSchema(properties[field.json as string] as OpenApiSchema);
    const printed = printedType(field.type, directory);
    return `${field.json}|${field.flags}|${printed === implied ? "" : printed}`.replace(/\|+$/, "");
  });
}

// --- discovery -----------------------------------------------------------------------------------------------------------

interface Discovery {
  items: {
    metadata: { name?: string };
    versions: { version: string; resources: DiscoveredResource[] }[];
  }[];
}
interface Kind {
  group: string;
  version: string;
  kind: string;
}
interface DiscoveredResource {
  resource: string;
  singularResource: string;
  responseKind: Kind;
  scope: "Namespaced" | "Cluster";
  shortNames?: string[];
  categories?: string[];
  verbs: string[];
  subresources?: { subresource: string; responseKind?: Kind; verbs: string[] }[];
}
interface Column {
  name: string;
  type: string;
  format: string;
  priority: number;
}

/** Discovery leaves group and version of a kind empty where they are those of the resource. */
function wholeKind(kind: Kind | undefined, group: string, version: string): Kind {
  if (kind === undefined) return { group: "", version: "v1", kind: "Status" };
  return {
    group: kind.version === "" ? group : kind.group,
    version: kind.version || version,
    kind: kind.kind,
  };
}

function collectResources(
  discovery: Record<string, Discovery>,
  columns: Record<string, Column[]>,
): [string, unknown][] {
  const resources: [string, unknown][] = [];
  const placed = new Set<string>();
  for (const root of ["/api", "/apis"]) {
    for (const group of (discovery[root] as Discovery).items) {
      const groupName = group.metadata.name ?? "";
      for (const { version, resources: listed } of group.versions) {
        for (const resource of listed) {
          const prefix = groupName === "" ? version : `${groupName}/${version}`;
          const key = `${prefix}/${resource.resource}`;
          const columnsKey = groupName === "" ? `core/${key}` : key;
          placed.add(columnsKey);
          resources.push([
            key,
            {
              kind: wholeKind(resource.responseKind, groupName, version).kind,
              singular: resource.singularResource,
              namespaced: resource.scope === "Namespaced",
              shortNames: resource.shortNames ?? [],
              categories: resource.categories ?? [],
              verbs: resource.verbs,
              subresources: (resource.subresources ?? []).map((sub) => ({
                name: sub.subresource,
                kind: wholeKind(sub.responseKind, groupName, version),
                verbs: sub.verbs,
              })),
              columns: columns[columnsKey] ?? [],
            },
          ]);
        }
      }
    }
  }
  const unplaced = Object.keys(columns).filter((key) => !placed.has(key));
  if (unplaced.length > 0) throw new Error(`Table columns of unknown resources: ${unplaced.join(", ")}`);
  return resources;
}

// --- all of it -----------------------------------------------------------------------------------------------------------

const definitions = collectDefinitions(readFacts("kubernetes-openapi-v3.json.gz") as Documents);
mkdirSync(flags.out, { recursive: true });
write("definitions.json", sorted(definitions));
write(
  "structs.json",
  sorted(definitions).flatMap(([name, schema]) => {
    const line = structLine(name, schema);
    return line === undefined ? [] : [[name, line] as [string, string[]]];
  }),
);
write(
  "resources.json",
  collectResources(
    readFacts("kubernetes-discovery.json") as Record<string, Discovery>,
    readFacts("kubernetes-table-columns.json") as Record<string, Column[]>,
  ),
);

// --- Roles ---------------------------------------------------------------------------------------------------------------

interface BootstrapObject {
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly aggregationRule?: unknown;
  readonly rules?: unknown;
  readonly roleRef?: unknown;
  readonly subjects?: unknown;
}

/** The roles and bindings of a fresh server, by resource, namespace and name. What all have alike (annotation, label) is left out. */
function bootstrapRoles(): [string, unknown][] {
  const facts = readFacts("kubernetes-bootstrap-rbac.json") as Record<string, BootstrapObject[]>;
  const found: Record<string, unknown> = {};
  for (const [resource, objects] of Object.entries(facts)) {
    for (const { name, namespace, labels, aggregationRule, rules, roleRef, subjects } of objects) {
      const { "kubernetes.io/bootstrapping": _, ...others } = labels;
      found[[resource, ...(namespace === undefined ? [] : [namespace]), name].join("/")] = {
        ...(Object.keys(others).length === 0 ? {} : { labels: others }),
        // Rules of an aggregated role are gathered by a controller.
        ...(aggregationRule === undefined ? { rules } : { aggregationRule }),
        roleRef,
        subjects,
      };
    }
  }
  return sorted(found);
}
write("bootstrap-rbac.json", bootstrapRoles());
