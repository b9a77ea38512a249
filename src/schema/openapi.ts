import { createHash } from "node:crypto";
import { utf8 } from "../base/index.ts";
import { type Describe, loadDescriptions } from "./descriptions.ts";
import { type OpenApiSchema, referencedDefinition } from "./go-types.ts";
import type { Operation } from "./openapi-operation.ts";
import { basePath, groupName, operationsOf, resourceListOperation } from "./openapi-operations.ts";
import { pathItemV2, pathItemV3, schemaV2 } from "./openapi-render.ts";
import { type RootPath, rootPaths } from "./openapi-roots.ts";
import type { ResourceInfo } from "./resources.ts";
import { definitionOfKind, definitions } from "./types.ts";

/**
 * The published form of the built-in schemas: /openapi/v2 as one document, /openapi/v3 as one for each group version, with only what
 * this server serves and what that refers to. Built when first asked for, kept as bytes.
 */

/** A document as it is served: bytes made once. */
export interface OpenApiDocument {
  readonly bytes: Uint8Array;
  /** SHA-512 of the bytes in hexadecimal, upper case: the hash in the v3 index and the ETag. */
  readonly hash: string;
}

/** The published schemas of a set of resources. */
export interface OpenApiPublisher {
  /** Swagger 2.0, JSON. */
  v2(): Promise<OpenApiDocument>;
  /** OpenAPI 3.0 of one group version (`api/v1`, `apis/apps/v1`) or another path (`apis/apps`, `version`); undefined where it is not served. */
  v3(path: string): Promise<OpenApiDocument | undefined>;
  /** Body of `/openapi/v3`: path to serverRelativeURL with the hash. */
  index(): Promise<{ paths: Record<string, { serverRelativeURL: string }> }>;
}

const info = { title: "Kubernetes", version: "1.35" };
const customInfo = { title: "Kubernetes CRD Swagger", version: "v0.1.0" };
const bearerToken = { in: "header", name: "authorization", type: "apiKey" };

/** Documents for the served subset, built when first asked for. What `before` made of groups that are the same now is taken over. */
export function openApiPublisher(
  served: readonly ResourceInfo[],
  before?: OpenApiPublisher,
): OpenApiPublisher {
  return new Publisher(served, before instanceof Publisher ? before : undefined);
}

/** What one group version adds to version 2's document, as JSON: members of `paths`, and definitions by name. */
interface PartV2 {
  readonly paths: string;
  readonly definitions: ReadonlyMap<string, string>;
}

class Publisher implements OpenApiPublisher {
  readonly #groups = new Map<string, ResourceInfo[]>();
  readonly #roots: ReadonlyMap<string, RootPath>;
  readonly #documents = new Map<string, OpenApiDocument>();
  readonly #parts = new Map<string, PartV2>();
  /** Built-in definitions as version 2 has them: many groups need the same. */
  readonly #definitionsV2: Map<string, string>;

  constructor(resources: readonly ResourceInfo[], before: Publisher | undefined) {
    this.#definitionsV2 = before === undefined ? new Map() : before.#definitionsV2;
    for (const resource of resources) {
      const key = basePath(resource.group, resource.version).slice(1);
      const group = this.#groups.get(key);
      if (group === undefined) this.#groups.set(key, [resource]);
      else group.push(resource);
    }
    const groups = resources.filter(({ published, group }) => published === undefined && group !== "");
    this.#roots = rootPaths([...new Set(groups.map(({ group }) => group))]);
    if (before !== undefined) this.#takeOver(before);
  }

  #takeOver(before: Publisher): void {
    for (const [key, resources] of this.#groups) {
      const were = before.#groups.get(key);
      if (were?.length !== resources.length || !resources.every((resource, i) => resource === were[i]))
        continue;
      const document = before.#documents.get(key);
      const part = before.#parts.get(key);
      if (document !== undefined) this.#documents.set(key, document);
      if (part !== undefined) this.#parts.set(key, part);
    }
  }

  async v2(): Promise<OpenApiDocument> {
    const describe = await loadDescriptions();
    return this.#cached("v2", () => {
      const parts = [...this.#groups].map(([key, resources]) => this.#partV2(key, resources, describe));
      const roots = [...this.#roots.values()];
      const answers = referencedDefinitions(
        roots.map(({ operation }) => operation.response),
        describe,
      );
      const needed = new Map([
        ...answers.map(([name, schema]): [string, string] => [name, this.#definitionV2(name, schema)]),
        ...parts.flatMap((part) => [...part.definitions]),
      ]);
      const shown = [...needed]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, text]) => `${JSON.stringify(name)}:${text}`);
      const head = JSON.stringify({ swagger: "2.0", info }).slice(0, -1);
      const tail = JSON.stringify({
        securityDefinitions: { BearerToken: bearerToken },
        security: [{ BearerToken: [] }],
      }).slice(1);
      const rootItems = roots.map(({ path, operation, tag }) => [path, pathItemV2([operation], tag)]);
      const paths = [
        JSON.stringify(Object.fromEntries(rootItems)).slice(1, -1),
        ...parts.map((part) => part.paths),
      ].join(",");
      return `${head},"paths":{${paths}},"definitions":{${shown.join(",")}},${tail}`;
    });
  }

  #partV2(key: string, resources: readonly ResourceInfo[], describe: Describe): PartV2 {
    let part = this.#parts.get(key);
    if (part === undefined) {
      const paths: Record<string, unknown> = {};
      for (const [path, { operations, tag }] of pathsOf(resources)) paths[path] = pathItemV2(operations, tag);
      const texts = neededDefinitions(resources, describe, true).map(([name, schema]): [string, string] => [
        name,
        this.#definitionV2(name, schema),
      ]);
      part = { paths: JSON.stringify(paths).slice(1, -1), definitions: new Map(texts) };
      this.#parts.set(key, part);
    }
    return part;
  }

  #definitionV2(name: string, schema: OpenApiSchema): string {
    const known = this.#definitionsV2.get(name);
    if (known !== undefined) return known;
    const text = JSON.stringify(schemaV2(schema));
    if (Object.hasOwn(definitions, name)) this.#definitionsV2.set(name, text);
    return text;
  }

  async v3(path: string): Promise<OpenApiDocument | undefined> {
    const describe = await loadDescriptions();
    const rootPath = this.#roots.get(path);
    if (rootPath !== undefined) return this.#root(path, rootPath, describe);
    const resources = this.#groups.get(path);
    return resources === undefined ? undefined : this.#v3(path, resources, describe);
  }

  async index(): Promise<{ paths: Record<string, { serverRelativeURL: string }> }> {
    const describe = await loadDescriptions();
    const hashes = [
      ...[...this.#roots].map(([key, path]) => [key, this.#root(key, path, describe).hash] as const),
      ...[...this.#groups].map(([key, group]) => [key, this.#v3(key, group, describe).hash] as const),
    ].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      paths: Object.fromEntries(
        hashes.map(([key, hash]) => [key, { serverRelativeURL: `/openapi/v3/${key}?hash=${hash}` }]),
      ),
    };
  }

  #root(key: string, { path, operation, tag }: RootPath, describe: Describe): OpenApiDocument {
    return this.#cached(key, () => {
      const schemas = referencedDefinitions([operation.response], describe);
      return JSON.stringify({
        openapi: "3.0.0",
        info,
        paths: { [path]: pathItemV3([operation], tag) },
        components: {
          ...(schemas.length === 0 ? {} : { schemas: Object.fromEntries(schemas) }),
          securitySchemes: { BearerToken: bearerToken },
        },
      });
    });
  }

  #v3(key: string, resources: readonly ResourceInfo[], describe: Describe): OpenApiDocument {
    return this.#cached(key, () => {
      const paths: Record<string, unknown> = {};
      for (const [path, { operations, tag }] of pathsOf(resources)) paths[path] = pathItemV3(operations, tag);
      const custom = isCustom(resources);
      const schemas = Object.fromEntries(
        neededDefinitions(resources, describe).map(([name, schema]) => [
          name,
          custom && name === deleteOptions ? withoutServers(schema) : schema,
        ]),
      );
      return JSON.stringify({
        openapi: "3.0.0",
        info: custom ? customInfo : info,
        paths,
        components: custom ? { schemas } : { schemas, securitySchemes: { BearerToken: bearerToken } },
      });
    });
  }

  #cached(key: string, build: () => string): OpenApiDocument {
    let document = this.#documents.get(key);
    if (document === undefined) {
      const bytes = utf8(build());
      document = { bytes, hash: createHash("sha512").update(bytes).digest("hex").toUpperCase() };
      this.#documents.set(key, document);
    }
    return document;
  }
}

/** Whether a group version has nothing but custom kinds: its documents are made by apiextensions upstream, which says less. */
function isCustom(resources: readonly ResourceInfo[]): boolean {
  return resources.every(({ published }) => published !== undefined);
}

const deleteOptions = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
/** Groups that upstream's server of custom kinds does not know of. */
const otherServers = new Set([
  "admission.k8s.io",
  "apiextensions.k8s.io",
  "apiregistration.k8s.io",
  "imagepolicy.k8s.io",
]);

function withoutServers(schema: OpenApiSchema): OpenApiSchema {
  const kinds = schema["x-kubernetes-group-version-kind"] ?? [];
  return {
    ...schema,
    "x-kubernetes-group-version-kind": kinds.filter(({ group }) => !otherServers.has(group)),
  };
}

/** Paths of resources of one group version, sorted, with the tag of their group. */
function pathsOf(
  resources: readonly ResourceInfo[],
): [string, { operations: readonly Operation[]; tag: string }][] {
  const first = resources[0];
  if (first === undefined) return [];
  const { group, version } = first;
  const tag = `${groupName(group)}_${version}`;
  const paths = new Map<string, readonly Operation[]>();
  if (!isCustom(resources)) {
    paths.set(`${basePath(group, version)}/`, [resourceListOperation(group, version)]);
  }
  for (const resource of resources) {
    for (const [path, operations] of operationsOf(resource)) paths.set(path, operations);
  }
  return [...paths]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, operations]) => [path, { operations, tag }]);
}

/** Definitions that the operations of resources speak of, and what those refer to, sorted. `v2`: custom kinds as version 2 has them. */
function neededDefinitions(
  resources: readonly ResourceInfo[],
  describe: Describe,
  v2 = false,
): [string, OpenApiSchema][] {
  const needed = new Map<string, OpenApiSchema>();
  const custom = new Map<string, OpenApiSchema>();
  const add = (name: string | undefined): void => {
    if (name === undefined || needed.has(name)) return;
    const schema = custom.get(name) ?? (Object.hasOwn(definitions, name) ? definitions[name] : undefined);
    if (schema === undefined) return;
    needed.set(name, describe(name, schema));
    addReferences(schema, add);
  };
  for (const { published } of resources) {
    if (published === undefined) continue;
    custom.set(published.name, v2 ? published.v2 : published.v3);
    custom.set(published.listName, published.list);
  }
  for (const resource of resources) {
    add(resource.published?.name ?? definitionOfKind(resource));
    if (!isCustom(resources)) add(resourceListOperation(resource.group, resource.version).response);
    for (const operations of operationsOf(resource).values()) {
      for (const operation of operations) {
        add(operation.body);
        add(operation.response);
      }
    }
  }
  return [...needed].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Built-in definitions of these names, and what they refer to, sorted. */
function referencedDefinitions(names: readonly string[], describe: Describe): [string, OpenApiSchema][] {
  const needed = new Map<string, OpenApiSchema>();
  const add = (name: string | undefined): void => {
    const schema = name !== undefined && Object.hasOwn(definitions, name) ? definitions[name] : undefined;
    if (name === undefined || schema === undefined || needed.has(name)) return;
    needed.set(name, describe(name, schema));
    addReferences(schema, add);
  };
  names.forEach(add);
  return [...needed].sort(([a], [b]) => (a < b ? -1 : 1));
}

function addReferences(schema: OpenApiSchema, add: (name: string | undefined) => void): void {
  add(referencedDefinition(schema));
  for (const property of Object.values(schema.properties ?? {})) addReferences(property, add);
  if (schema.items !== undefined) addReferences(schema.items, add);
  const { additionalProperties: values } = schema;
  if (typeof values === "object") addReferences(values, add);
}
