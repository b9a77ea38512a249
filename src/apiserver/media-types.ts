import { errors } from "../apimachinery/index.ts";

/** A media type with its parameters: RFC 9110, section 8.3.1. */
export interface MediaType {
  /** `application/json`, in lower case. */
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Undefined for what is none: a parameter without a value, a type without a slash. */
export function parseMediaType(text: string): MediaType | undefined {
  const end = text.indexOf(";");
  const type = (end < 0 ? text : text.slice(0, end)).trim().toLowerCase();
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/.test(type)) return undefined;
  if (end < 0) return { type, parameters: noParameters };
  const parameters = new Map<string, string>();
  for (const part of text.slice(end + 1).split(";")) {
    if (part.trim() === "") continue;
    const equals = part.indexOf("=");
    if (equals < 1) return undefined;
    const value = part.slice(equals + 1).trim();
    parameters.set(part.slice(0, equals).trim().toLowerCase(), value.replace(/^"(.*)"$/, "$1"));
  }
  return { type, parameters };
}

const noParameters: MediaType["parameters"] = new Map();

/** What an answer is made of, and for whom. */
export interface Representation {
  readonly encoding: "json" | "yaml" | "protobuf";
  /** What objects are turned into before they are encoded. */
  readonly as: "" | "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList";
  /** Of meta.k8s.io, with `as`: v1 or v1beta1. */
  readonly version: string;
}

export const json: Representation = { encoding: "json", as: "", version: "" };

export const contentTypes: Readonly<Record<Representation["encoding"], string>> = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: "application/vnd.kubernetes.protobuf",
};
const encodings: Readonly<Record<string, Representation["encoding"]>> = {
  "application/json": "json",
  "application/yaml": "yaml",
  "application/vnd.kubernetes.protobuf": "protobuf",
};

export const objectTypes: readonly string[] = Object.values(contentTypes);
/** What custom kinds are written in. */
export const customTypes: readonly string[] = [contentTypes.json, contentTypes.yaml];
const streamTypes: readonly string[] = [
  "application/json;stream=watch",
  "application/vnd.kubernetes.protobuf;stream=watch",
];

/** Parts of an Accept header that are looked at. */
const acceptPartsMax = 32;

/** What not every kind can be shown as. */
export interface KindRepresentations {
  /** Of a kind that a CRD defines. */
  readonly custom?: boolean | undefined;
  /** Asked and answered, but not kept: there is no table of it. */
  readonly withoutTable?: boolean;
  /** A list, whose path its watches have, too. */
  readonly isList?: boolean;
}

/**
 * The first acceptable representation of an object or a list. Only exact types and the wildcard for all match.
 * @throws StatusError NotAcceptable, with upstream's two texts: of its router, and of its encoder
 */
export function negotiateObject(
  accept: string,
  { custom = false, withoutTable = false, isList = false }: KindRepresentations = {},
): Representation {
  // What nearly every client sends.
  if (accept === "" || accept === "*/*" || accept === "application/json") return json;
  const parts = acceptedTypes(accept);
  if (!parts.some(({ type }) => type === "*/*" || encodings[type] !== undefined))
    throw notAcceptable(isList ? [...objectTypes, ...streamTypes] : objectTypes);
  for (const part of parts) {
    const encoding = part.type === "*/*" ? "json" : encodings[part.type];
    const target = encoding === undefined ? undefined : targetOf(part);
    if (encoding === "protobuf" && !hasProtobuf(target?.as, custom)) continue;
    if (withoutTable && target?.as === "Table") continue;
    if (encoding !== undefined && target !== undefined) return { encoding, ...target };
  }
  throw errors.notAcceptable(custom ? customTypes : objectTypes);
}

/**
 * As `negotiateObject`, for the events of a watch. It is decided as for objects, and what was chosen must have frames, which YAML has not: what
 * else would have done is not tried.
 * @throws StatusError NotAcceptable
 */
export function negotiateWatch(accept: string, custom = false): Representation {
  const chosen = negotiateObject(accept, { custom });
  if (chosen.encoding !== "yaml") return chosen;
  throw errors.notAcceptable(custom && chosen.as === "" ? streamTypes.slice(0, 1) : streamTypes);
}

/** Tables have no protobuf form, and custom kinds only their metadata. */
function hasProtobuf(as: Representation["as"] | undefined, custom: boolean): boolean {
  return as !== "Table" && !(custom && as === "");
}

/** How an error is told: as it was asked for, where that can be; undefined where nothing that was asked for can show one. */
export function representationOfError(accept: string): Representation | undefined {
  if (accept === "" || accept === "*/*" || accept === "application/json") return json;
  for (const part of acceptedTypes(accept)) {
    const isWild = part.type === "*/*" || part.type === "application/*";
    const encoding = isWild ? "json" : encodings[part.type];
    if (encoding !== undefined && targetOf(part)?.as === "") return { encoding, as: "", version: "" };
  }
  return undefined;
}

/** Types of an Accept header, the most wanted first. Those that do not parse are passed over. */
export function acceptedTypes(accept: string): MediaType[] {
  const parts = accept.split(",", acceptPartsMax).map(parseMediaType);
  const types = parts.filter((part) => part !== undefined);
  return types.sort((a, b) => qualityOf(b) - qualityOf(a));
}

function qualityOf(type: MediaType): number {
  const quality = Number(type.parameters.get("q") ?? "1");
  return Number.isNaN(quality) ? 1 : quality;
}

/** Undefined where `as` asks for something that there is not. */
function targetOf({ parameters }: MediaType): Pick<Representation, "as" | "version"> | undefined {
  const as = parameters.get("as") ?? "";
  if (as === "") return parameters.has("g") || parameters.has("v") ? undefined : { as: "", version: "" };
  const version = parameters.get("v") ?? "";
  if (parameters.get("g") !== "meta.k8s.io" || (version !== "v1" && version !== "v1beta1")) return undefined;
  if (as === "Table" || as === "PartialObjectMetadata" || as === "PartialObjectMetadataList")
    return { as, version };
  return undefined;
}

/** 406 as upstream's router says it. */
export function notAcceptable(available: readonly string[]): Error {
  return errors.refusedByRouter(406, `\n\nAvailable representations: ${available.join(", ")}`);
}

/** For a path that answers JSON only (version, discovery). @throws StatusError NotAcceptable */
export function requireJson(accept: string): void {
  if (accept === "" || accept === "application/json") return;
  const wanted = acceptedTypes(accept);
  if (!wanted.some(({ type }) => type === "*/*" || type === "application/json")) {
    throw notAcceptable(["application/json"]);
  }
}
