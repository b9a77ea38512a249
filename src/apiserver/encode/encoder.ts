import { errors, type Json, parseJson, stringifyJson, stringifyYaml } from "../../apimachinery/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import { type BodySource, wholeBody } from "../../h2/index.ts";
import type { ResourceHandler } from "../../registry/index.ts";
import { apiVersionOf } from "../../registry/index.ts";
import type { Stored, StoredList } from "../../storage/index.ts";
import type { KubernetesCodec } from "../../wire/index.ts";
import { contentTypes, type Representation } from "../media-types.ts";
import { partialList, partialObject } from "./partial-metadata.ts";
import { scaleColumns, scaleRow } from "./scale-table.ts";
import { ListJson, ObjectJson } from "./stored-json.ts";
import { type IncludeObject, type RowSource, tableOf } from "./table.ts";

/** What one request's answer looks like. */
export interface EncodeOptions {
  readonly handler: ResourceHandler;
  readonly representation: Representation;
  /** Indented JSON, for people. */
  readonly pretty: boolean;
  readonly includeObject: IncludeObject;
  /** Wall time, for ages in Tables. */
  readonly now: number;
}

/**
 * Objects to bytes. JSON of a single object and of a list's items is what the store encoded once for everybody: it is written where it leaves.
 * Everything else is made for the request.
 */
export interface Encoder {
  object(stored: Stored, options: EncodeOptions): Uint8Array | BodySource;
  list(list: StoredList, options: EncodeOptions): Uint8Array | BodySource;
  /** A Status, or what else is no object of a resource. */
  value(value: unknown, representation: Representation, pretty: boolean): Uint8Array;
}

export function createEncoder(protobuf: () => KubernetesCodec): Encoder {
  const value = (object: unknown, representation: Representation, pretty: boolean): Uint8Array => {
    switch (representation.encoding) {
      case "json":
        return Buffer.from(pretty ? indented(object) : `${stringifyJson(object)}\n`);
      case "yaml":
        return Buffer.from(stringifyYaml(object));
      case "protobuf": {
        const codec = protobuf();
        const { apiVersion = "", kind = "" } = object as { apiVersion?: string; kind?: string };
        // Tables and custom resources have no protobuf form.
        if (!codec.supports(apiVersion, kind))
          throw errors.notAcceptable([contentTypes.json, contentTypes.yaml]);
        // The core group's discovery documents have none of their own, in the envelope neither.
        return codec.encode({ ...(object as object), apiVersion, kind });
      }
    }
  };

  return {
    value,
    object(stored, options) {
      const { representation, pretty } = options;
      if (representation.as === "" && representation.encoding === "json") {
        const json = new ObjectJson(stored);
        return pretty ? value(reread(json), representation, pretty) : json;
      }
      return value(objectView(stored, options), representation, pretty);
    },
    list(list, options) {
      const { representation, pretty } = options;
      if (representation.as === "" && representation.encoding === "json") {
        const json = new ListJson(list, options.handler.form);
        return pretty ? value(reread(json), representation, pretty) : json;
      }
      return value(listView(list, options), representation, pretty);
    },
  };
}

/** What is indented has its fields where everybody else sees them: the stored bytes say where. */
function reread(json: BodySource): Json {
  return parseJson(fromUtf8(wholeBody(json)));
}

/** @throws StatusError NotAcceptable where a list's view is wanted of an object */
export function objectView(stored: Stored, options: EncodeOptions): unknown {
  const { as, version } = options.representation;
  switch (as) {
    case "":
      return stored.object;
    case "Table":
      return tableOf([stored], { resourceVersion: stored.resourceVersion }, rowSource(options), version);
    case "PartialObjectMetadata":
      return partialObject(stored.object, version);
    case "PartialObjectMetadataList":
      throw mismatch(
        `you requested ${as}, but the requested object is not a list (${goType(options.handler)})`,
      );
  }
}

function listView(list: StoredList, options: EncodeOptions): unknown {
  const { as, version } = options.representation;
  const metadata = {
    ...(list.resourceVersion === "" ? {} : { resourceVersion: list.resourceVersion }),
    ...(list.continue === "" ? {} : { continue: list.continue }),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  };
  switch (as) {
    case "":
      return options.handler.form.custom === true
        ? customList(list, metadata, options.handler)
        : wholeList(list, metadata, options.handler);
    case "Table":
      return tableOf(tableItems(list, options.handler), metadata, rowSource(options), version);
    case "PartialObjectMetadataList":
      return partialList(list, metadata, version);
    case "PartialObjectMetadata":
      throw mismatch(
        `you requested ${as}, but the requested object is a list (${goType(options.handler)}List)`,
      );
  }
}

function tableItems({ items }: StoredList, { strategy }: ResourceHandler): readonly Stored[] {
  const { tableOrder } = strategy;
  return tableOrder === undefined ? items : [...items].sort((a, b) => tableOrder(a.object, b.object));
}

function wholeList(list: StoredList, metadata: object, handler: ResourceHandler): unknown {
  const items = list.items.map(({ object }) => {
    const { kind: _, apiVersion: __, ...rest } = object;
    return rest;
  });
  return { kind: handler.form.listKind, apiVersion: apiVersionOf(handler.kind), metadata, items };
}

/** Items of custom kinds say themselves what they are. */
function customList(list: StoredList, metadata: object, { kind, form }: ResourceHandler): unknown {
  return {
    kind: form.listKind,
    apiVersion: apiVersionOf(kind),
    metadata: { continue: list.continue, ...metadata },
    items: list.items.map(({ object }) => object),
  };
}

function rowSource({ handler, includeObject, now }: EncodeOptions): RowSource {
  if (handler.subresource === "scale") return { columns: scaleColumns, row: scaleRow, includeObject, now };
  const { tableRow: row, tableConditions: conditions } = handler.strategy;
  return { columns: handler.info.columns, row, conditions, includeObject, now };
}

/** Go's name of the internal type, which upstream's message has. */
function goType({ kind }: ResourceHandler): string {
  return `*${kind.group === "" ? "core" : kind.group.split(".")[0]}.${kind.kind}`;
}

function mismatch(message: string): Error {
  const refusal = errors.notAcceptable([]);
  refusal.status.message = message;
  return refusal;
}

function indented(value: unknown): string {
  // Through the text, for integers that JSON.stringify cannot write.
  return JSON.stringify(parseJson(stringifyJson(value)) as Exclude<Json, bigint>, bigintAsNumber, 2);
}

const bigintAsNumber = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? Number(value) : value;
