/**
 * Writes schemas/kubernetes/internal-forms.json from Kubernetes' Go sources: what its own, unversioned types of core look like. Some
 * error texts show values in that form, and kubectl shows the texts.
 *
 *   node scripts/generate-internal-forms.ts --internal FILE --versioned FILE [--internal FILE --versioned FILE …]
 *     [--out schemas/kubernetes/internal-forms.json]
 *
 * --internal:  k8s.io/kubernetes/pkg/apis/{core,batch,storage,resource}/types.go, k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/types_jsonschema.go
 * --versioned: k8s.io/api/{core,batch,storage,resource}/v1/types.go of the same release, and types_jsonschema.go in v1 beside apiextensions' internal one
 *
 * Output: by struct its fields in Go's order as `Name|json name|form`, or `||form` for what stands in it without a name. A form is
 * the name of another struct, `string`, `int`, `bool`, `quantity`, `map`, `json` (a type that is the same in both), `any`, after `*`
 * for pointers, `[]` for lists and `{}` for maps of structs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values: flags } = parseArgs({
  options: {
    internal: { type: "string", multiple: true },
    versioned: { type: "string", multiple: true },
    out: { type: "string", default: "schemas/kubernetes/internal-forms.json" },
  },
});
if (flags.internal === undefined || flags.versioned === undefined) {
  console.error(
    "usage: node scripts/generate-internal-forms.ts --internal FILE --versioned FILE … [--out FILE]",
  );
  process.exit(2);
}

interface GoField {
  /** "" for a struct that is embedded. */
  readonly name: string;
  readonly type: string;
  readonly json: string | undefined;
}

interface GoFile {
  readonly structs: ReadonlyMap<string, readonly GoField[]>;
  /** `type Name other`. */
  readonly names: ReadonlyMap<string, string>;
}

/** Packages refer to each other's types as `api.PodSpec` or `core.PodSpec`. Of types of one name that of the first file counts. */
function parse(paths: readonly string[]): GoFile {
  const structs = new Map<string, GoField[]>();
  const names = new Map<string, string>();
  let fields: GoField[] | undefined;
  for (const raw of paths.flatMap((path) => readFileSync(path, "utf8").split("\n"))) {
    const line = raw.replace(/\s*\/\/.*$/, "");
    const opening = /^type (\w+) struct \{(\})?$/.exec(line);
    if (opening !== null) {
      const list: GoField[] = [];
      if (!structs.has(opening[1] as string)) structs.set(opening[1] as string, list);
      fields = opening[2] === undefined ? list : undefined;
    } else if (fields === undefined) {
      const named = /^type (\w+) ([\w.[\]*{}]+)$/.exec(line);
      if (named !== null) names.set(named[1] as string, named[2] as string);
    } else if (line.startsWith("}")) fields = undefined;
    else fields.push(...parseField(line));
  }
  return { structs, names };
}

function parseField(line: string): GoField[] {
  const [, listed, type, tag] = /^\t(?:([\w, ]+?)\s+)?([\w.[\]*]+)(?:\s+`(.*)`)?$/.exec(line) ?? [];
  if (type === undefined) return [];
  const json = /json:"([^",]+)/.exec(tag ?? "")?.[1];
  return (listed ?? "").split(",").map((name) => ({ name: name.trim(), type, json }));
}

const internal = parse(flags.internal);
const versioned = parse(flags.versioned);
const roots = [
  "PodTemplateSpec",
  "PersistentVolumeClaimSpec",
  "PersistentVolumeSource",
  "EphemeralContainer",
  "PodFailurePolicy",
  "SuccessPolicy",
  "ObjectReference",
  "VolumeNodeAffinity",
  "EventSource",
  "CSINodeDriver",
  "ResourceClaimSpec",
  "ResourceClaimTemplateSpec",
  "JSONSchemaProps",
];
const forms: Record<string, string[]> = {};
const waiting = [...roots];

function formOf(type: string): string {
  if (type.startsWith("*")) return `*${formOf(type.slice(1))}`;
  if (type.startsWith("[]")) return `[]${formOf(type.slice(2))}`;
  if (/^(api|core|v1)\./.test(type)) return formOf(type.slice(type.indexOf(".") + 1));
  const valueType = /^map\[string\](.*)$/.exec(type)?.[1];
  if (valueType !== undefined && internal.structs.has(valueType)) return `{}${formOf(valueType)}`;
  if (type.startsWith("map[")) return "map";
  if (type === "interface{}" || type === "runtime.RawExtension") return "any";
  if (/^float\d+$/.test(type)) return "int";
  if (internal.structs.has(type)) {
    waiting.push(type);
    return type;
  }
  const underlying = internal.names.get(type);
  if (underlying !== undefined) return formOf(underlying);
  if (type === "string" || type === "bool") return type;
  if (/^u?int\d*$/.test(type) || type === "intstr.IntOrString") return "int";
  if (/^(api)?resource\.Quantity$/.test(type)) return "quantity";
  if (type.startsWith("metav1.")) return "json";
  if (type.startsWith("types.")) return "string";
  throw new Error(`no form for ${type}: teach formOf`);
}

function jsonNames(struct: string): Map<string, string | undefined> {
  return new Map(
    (versioned.structs.get(struct) ?? []).flatMap(({ name, type, json }) =>
      name === "" ? [...jsonNames(type)] : [[name, json] as const],
    ),
  );
}

function describe(struct: string): string[] {
  const names = jsonNames(struct);
  return (internal.structs.get(struct) ?? []).flatMap(({ name, type, json }) => {
    if (name !== "")
      return [
        `${json ?? name}|${names.get(name) ?? name.charAt(0).toLowerCase() + name.slice(1)}|${formOf(type)}`,
      ];
    return type.startsWith("metav1.") ? ["||json"] : describe(type);
  });
}

for (let struct = waiting.shift(); struct !== undefined; struct = waiting.shift())
  forms[struct] ??= describe(struct);
writeFileSync(flags.out, `${JSON.stringify(forms)}\n`);
