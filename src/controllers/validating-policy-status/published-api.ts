import type { GroupVersionKind } from "../../apimachinery/index.ts";
import type { ValueSchema } from "../../cel/index.ts";
import type { Client } from "../../client/index.ts";
import { type Discovery, discover } from "../discovery.ts";

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

/** A schema as it stands in an OpenAPI document. */
interface PublishedSchema {
  readonly $ref?: string;
  readonly allOf?: readonly PublishedSchema[];
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, PublishedSchema>>;
  readonly items?: PublishedSchema;
  readonly additionalProperties?: PublishedSchema | boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-group-version-kind"?: readonly GroupVersionKind[];
}

type Components = Readonly<Record<string, PublishedSchema>>;

const referencePrefix = "#/components/schemas/";

/** What an API server publishes of its kinds; each document is asked for once. */
export class PublishedApi {
  readonly #client: Client;
  #served: Promise<Discovery> | undefined;
  readonly #documents = new Map<string, Promise<unknown>>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Undefined where no such resource is served. */
  async kindOf(of: GroupVersion, resource: string): Promise<GroupVersionKind | undefined> {
    this.#served ??= discover(this.#client, "all");
    const { resources } = await this.#served;
    const found = resources.find(
      ({ group, version, resource: name }) =>
        group === of.group && version === of.version && name === resource,
    );
    return found && { ...of, kind: found.kind };
  }

  /** Undefined where none is published. */
  async schemaOf(wanted: GroupVersionKind): Promise<ValueSchema | undefined> {
    const document = (await this.#read(`/openapi/v3${groupPath(wanted)}`)) as
      | { components?: { schemas?: Components } }
      | undefined;
    const components = document?.components?.schemas ?? {};
    const schema = Object.values(components).find((one) =>
      one["x-kubernetes-group-version-kind"]?.some(
        ({ group, version, kind }) =>
          group === wanted.group && version === wanted.version && kind === wanted.kind,
      ),
    );
    return schema && resolved(schema, components, []);
  }

  /** @throws Error where the server fails */
  #read(path: string): Promise<unknown> {
    let document = this.#documents.get(path);
    if (document === undefined) {
      document = this.#get(path);
      this.#documents.set(path, document);
    }
    return document;
  }

  async #get(path: string): Promise<unknown> {
    const { status, body } = await this.#client.raw({ method: "GET", path, accept: "application/json" });
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`GET ${path}: status ${status}`);
    return JSON.parse(body);
  }
}

const groupPath = ({ group, version }: GroupVersion): string =>
  group === "" ? `/api/${version}` : `/apis/${group}/${version}`;

/** With what it refers to in its place, read when it is asked for. `seen`: what it stands in; a kind within itself has no fields, as upstream. */
function resolved(schema: PublishedSchema, components: Components, seen: readonly string[]): ValueSchema {
  const reference = (schema.$ref ?? schema.allOf?.[0]?.$ref)?.replace(referencePrefix, "");
  if (reference !== undefined) {
    const target = Object.hasOwn(components, reference) ? components[reference] : undefined;
    if (target === undefined || seen.includes(reference)) return { type: "object" };
    return resolved(target, components, [...seen, reference]);
  }
  const { type, format, properties, items, additionalProperties } = schema;
  const within = (part: PublishedSchema): ValueSchema => resolved(part, components, seen);
  return {
    ...(type && { type }),
    ...(format && { format }),
    // Built-in kinds say it by the format, custom ones by the extension.
    "x-kubernetes-int-or-string": format === "int-or-string" || schema["x-kubernetes-int-or-string"] === true,
    "x-kubernetes-embedded-resource": schema["x-kubernetes-embedded-resource"] === true,
    ...(typeof additionalProperties === "object" && {
      get additionalProperties() {
        return within(additionalProperties);
      },
    }),
    ...(items && {
      get items() {
        return within(items);
      },
    }),
    ...(properties && {
      get properties() {
        return Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, within(part)]));
      },
    }),
  };
}
