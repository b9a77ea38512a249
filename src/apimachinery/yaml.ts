import {
  DUMP_SCHEMA,
  defineScalarTag,
  dump,
  floatYaml11Tag,
  intYaml11Tag,
  loadAll,
  NOT_RESOLVED,
  Schema,
  YAML11_SCHEMA,
  YAMLException,
} from "js-yaml";
import { setOwn } from "./json.ts";
import type { Json, JsonObject } from "./object.ts";
import { repeatedKeys } from "./yaml-duplicates.ts";

/** A text that is not YAML, or too large once its aliases are followed. */
export class YamlError extends Error {
  override readonly name = "YamlError";
}

export interface ParseYamlOptions {
  /** Called with upstream's text for all keys that stand twice in one mapping; the last one wins. */
  readonly onDuplicate?: (text: string) => void;
}

const depthMax = 1_000;
const aliasesMax = 10_000;
/** Nodes after every alias is replaced by a copy: a body of the largest size has fewer without aliases. */
const nodesMax = 1_000_000;

/** Go's integers: no base 60, and those beyond 2^53 stay exact. */
const goIntTag = defineScalarTag("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: ["-", "+", ..."0123456789"],
  resolve: (source): number | bigint | typeof NOT_RESOLVED => {
    const text = source.replaceAll("_", "");
    const match = /^([-+]?)(0b[01]+|0x[0-9a-fA-F]+|0o?[0-7]+|0|[1-9]\d*)$/.exec(text);
    if (match === null || text.length > 40) return NOT_RESOLVED;
    const digits = match[2] as string;
    const magnitude = BigInt(/^0o?[0-7]/.test(digits) ? `0o${digits.replace(/^0o?/, "")}` : digits);
    const value = match[1] === "-" ? -magnitude : magnitude;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  },
  identify: intYaml11Tag.identify,
});

const goFloatTag = defineScalarTag("tag:yaml.org,2002:float", {
  implicit: true,
  implicitFirstChars: ["-", "+", ".", ..."0123456789"],
  resolve: (source): number | typeof NOT_RESOLVED =>
    /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(source) ? Number(source) : NOT_RESOLVED,
  identify: floatYaml11Tag.identify,
});

/** Timestamps stay texts, as JSON has none; sets and pairs have no JSON form. */
const notInJson = new Set(
  ["timestamp", "omap", "pairs", "set", "binary"].map((name) => `tag:yaml.org,2002:${name}`),
);
const schema = new Schema(YAML11_SCHEMA.tags.filter((tag) => !notInJson.has(tag.tagName))).withTags(
  goIntTag,
  goFloatTag,
);

const dumpSchema = DUMP_SCHEMA.withTags({
  ...intYaml11Tag,
  identify: (value) => typeof value === "bigint" || intYaml11Tag.identify(value),
  represent: String,
});

/** One YAML document to JSON values, as sigs.k8s.io/yaml reads request bodies (YAML 1.1). @throws YamlError */
export function parseYaml(text: string, options: ParseYamlOptions = {}): Json {
  try {
    return toJson(loadDocument(text, false), { nodes: nodesMax }, depthMax);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    if (!error.reason.startsWith("duplicate")) throw new YamlError(describe(error));
    const repeated = options.onDuplicate === undefined ? "" : repeatedKeys(text, { depthMax });
    if (repeated !== "") options.onDuplicate?.(repeated);
  }
  try {
    return toJson(loadDocument(text, true), { nodes: nodesMax }, depthMax);
  } catch (error) {
    throw error instanceof YAMLException ? new YamlError(describe(error)) : error;
  }
}

function loadDocument(text: string, duplicatesOverride: boolean): unknown {
  if (text.trim() === "") return null;
  // Upstream reads the first document and ignores what follows it.
  return loadAll(text, { schema, json: duplicatesOverride, maxDepth: depthMax, maxAliases: aliasesMax })[0];
}

function describe(error: YAMLException): string {
  const line = error.mark === undefined ? "" : `line ${error.mark.line + 1}: `;
  return `yaml: ${line}${error.reason}`;
}

/** Copies, so that what aliases shared is not shared any more. */
function toJson(value: unknown, budget: { nodes: number }, depth: number): Json {
  if (--budget.nodes < 0) throw new YamlError("yaml: document contains excessive aliasing");
  if (depth === 0) throw new YamlError("yaml: exceeded max depth");
  if (Array.isArray(value)) return value.map((item) => toJson(item, budget, depth - 1));
  if (typeof value === "object" && value !== null) {
    const object: JsonObject = {};
    for (const key of Object.keys(value)) {
      setOwn(object, key, toJson((value as Record<string, unknown>)[key], budget, depth - 1));
    }
    return object;
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new YamlError(
      `json: unsupported value: ${Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf"}`,
    );
  }
  return (value ?? null) as Json;
}

/** A value as a YAML document, keys sorted, as upstream answers `Accept: application/yaml`. */
export function stringifyYaml(value: unknown): string {
  return dump(toJson(value, { nodes: Number.POSITIVE_INFINITY }, depthMax), {
    schema: dumpSchema,
    sortKeys: (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0),
    noRefs: true,
    seqNoIndent: true,
    quoteStyle: "double",
    lineWidth: -1,
  });
}
