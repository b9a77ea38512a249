import { errors } from "../apimachinery/index.ts";

/** What a URL means: k8s.io/apiserver/pkg/endpoints/request RequestInfo. */
export interface RequestInfo {
  /** Decoded, without the query. */
  readonly path: string;
  readonly query: Query;
  /** For authorization: get, list, watch, create, update, patch, delete, deletecollection; else the method in lower case. */
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  /** "" for a collection, unless a field selector names one object: see `named`. */
  readonly name: string;
  /** The name stands in the path. */
  readonly named: boolean;
  /** The old `/watch/` paths. */
  readonly legacyWatch: boolean;
  /** Segments after the subresource, or segments that are empty: nothing is served there. */
  readonly surplus: number;
}

/** Parameters of a URL; the first value of a name counts, as in Go's url.Values.Get. */
export class Query {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(text: string) {
    this.#values = text === "" ? none : read(text);
  }

  get(name: string): string {
    return this.#values.get(name)?.[0] ?? "";
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get empty(): boolean {
    return this.#values.size === 0;
  }

  /** Upstream's conversion of query parameters: all but "0" and "false" is true, also a name without a value. */
  flag(name: string): boolean {
    if (!this.has(name)) return false;
    const value = this.get(name);
    return value !== "0" && value.toLowerCase() !== "false";
  }
}

const none: ReadonlyMap<string, readonly string[]> = new Map();

/** What Go passes over: parameters with a semicolon, which some take for a separator, or with a broken percent-encoding. */
const passedOver = /;|%(?![0-9a-f]{2})/i;

function read(text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  const parts = passedOver.test(text) ? text.split("&").filter((part) => !passedOver.test(part)) : undefined;
  for (const [name, value] of new URLSearchParams(parts?.join("&") ?? text)) {
    const present = values.get(name);
    if (present === undefined) values.set(name, [value]);
    else present.push(value);
  }
  return values;
}

const namespaceSubresources: ReadonlySet<string> = new Set(["status", "finalize"]);
const verbs: ReadonlyMap<string, string> = new Map([
  ["POST", "create"],
  ["GET", "get"],
  ["HEAD", "get"],
  ["PUT", "update"],
  ["PATCH", "patch"],
  ["DELETE", "delete"],
]);

/** @throws StatusError BadRequest for a path that does not decode */
export function requestInfo(method: string, url: string): RequestInfo {
  const mark = url.indexOf("?");
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const query = new Query(mark < 0 ? "" : url.slice(mark + 1));
  const path = rawPath.includes("%") ? decodePath(rawPath) : rawPath;
  const parts = path.split("/").filter((part) => part !== "");
  const prefix = parts[0];
  // `/api/v1` and `/apis/apps/v1` are discovery; one more segment is a resource.
  const fixed = prefix === "api" ? 2 : prefix === "apis" ? 3 : Number.POSITIVE_INFINITY;
  if (parts.length <= fixed) return nonResource(method, path, query);
  const group = prefix === "apis" ? (parts[1] as string) : "";
  return resourceInfo(
    { method, path, query, group, version: parts[fixed - 1] as string },
    parts.slice(fixed),
  );
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw errors.badRequest("the path is not valid: it contains a broken percent-encoding");
  }
}

function nonResource(method: string, path: string, query: Query): RequestInfo {
  return {
    path,
    query,
    verb: method.toLowerCase(),
    isResource: false,
    group: "",
    version: "",
    namespace: "",
    resource: "",
    subresource: "",
    name: "",
    named: false,
    legacyWatch: false,
    surplus: 0,
  };
}

function resourceInfo(
  at: { method: string; path: string; query: Query; group: string; version: string },
  segments: readonly string[],
): RequestInfo {
  const legacyWatch = segments[0] === "watch" && segments.length > 1;
  let parts = legacyWatch ? segments.slice(1) : segments;
  let namespace = "";
  if (parts[0] === "namespaces" && parts.length > 1) {
    namespace = parts[1] as string;
    if (parts.length > 2 && !namespaceSubresources.has(parts[2] as string)) parts = parts.slice(2);
  }
  const [resource = "", pathName = "", subresource = ""] = parts;
  const { verb, name } = verbOf(at, pathName, legacyWatch);
  return {
    path: at.path,
    query: at.query,
    verb,
    isResource: true,
    group: at.group,
    version: at.version,
    namespace,
    resource,
    subresource,
    name,
    named: pathName !== "",
    legacyWatch,
    surplus: Math.max(0, parts.length - 3) + (at.path.includes("//") ? 1 : 0),
  };
}

function verbOf(
  at: { method: string; query: Query },
  pathName: string,
  legacyWatch: boolean,
): { verb: string; name: string } {
  if (legacyWatch) return { verb: "watch", name: pathName };
  const verb = verbs.get(at.method) ?? "";
  if (pathName !== "") return { verb, name: pathName };
  if (verb === "get") {
    const selected = /^metadata\.name=([^,!=]+)$/.exec(at.query.get("fieldSelector"))?.[1] ?? "";
    return { verb: at.query.flag("watch") ? "watch" : "list", name: selected };
  }
  return { verb: verb === "delete" ? "deletecollection" : verb, name: "" };
}
