import { errors, type Json, type KubeObject } from "../../apimachinery/index.ts";
import type { TableColumn } from "../../schema/index.ts";
import type { Stored } from "../../storage/index.ts";
import { partialObject } from "./partial-metadata.ts";

/** What a row says of its object besides the cells. */
export type IncludeObject = "Metadata" | "Object" | "None";

/** How rows of a kind are made. */
export interface RowSource {
  readonly columns: readonly TableColumn[];
  /** Undefined: the columns are Name and Created At. */
  readonly row: ((object: KubeObject, now: number) => Json[]) | undefined;
  readonly conditions?: ((object: KubeObject) => readonly object[]) | undefined;
  readonly includeObject: IncludeObject;
  readonly now: number;
}

const standardColumns: readonly TableColumn[] = [
  { name: "Name", type: "string", format: "name", priority: 0 },
  { name: "Created At", type: "date", format: "", priority: 0 },
];

interface TableRow {
  readonly cells: Json[];
  readonly conditions?: readonly object[] | undefined;
  readonly object: unknown;
}

/** meta.k8s.io Table: what kubectl prints. */
export interface Table {
  readonly kind: "Table";
  readonly apiVersion: string;
  readonly metadata: object;
  readonly columnDefinitions: readonly object[];
  readonly rows: readonly TableRow[] | null;
}

export function tableOf(
  items: readonly Stored[],
  metadata: { readonly resourceVersion?: string },
  source: RowSource,
  version: string,
): Table {
  const { resourceVersion, ...others } = metadata;
  const makeRow = source.row ?? standardRow;
  const makeTableRow = ({ object }: Stored): TableRow => ({
    cells: makeRow(object, source.now),
    ...conditionsOf(object, source),
    object: rowObject(object, source.includeObject, version),
  });
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: resourceVersion ? { resourceVersion, ...others } : others,
    columnDefinitions: columnsOf(source),
    // Upstream's convertor for kinds without one of their own never makes an empty list.
    rows: items.length === 0 && source.row === undefined ? null : items.map(makeTableRow),
  };
}

function columnsOf(source: RowSource): object[] {
  const columns = source.row === undefined ? standardColumns : source.columns;
  return columns.map(({ name, type, format, priority, description = "" }) => ({
    name,
    type,
    format,
    description,
    priority,
  }));
}

function conditionsOf(object: KubeObject, source: RowSource): Pick<TableRow, "conditions"> {
  const conditions = source.conditions?.(object) ?? [];
  return conditions.length === 0 ? {} : { conditions };
}

const standardRow = (object: KubeObject): Json[] => [
  object.metadata.name ?? "",
  object.metadata.creationTimestamp ?? "<unknown>",
];

function rowObject(object: KubeObject, include: IncludeObject, version: string): unknown {
  switch (include) {
    case "None":
      return null;
    case "Object":
      return object;
    case "Metadata":
      return partialObject(object, version);
  }
}

/** The parameter of the same name. @throws StatusError BadRequest */
export function includeObjectOf(text: string): IncludeObject {
  if (text === "") return "Metadata";
  if (text === "Metadata" || text === "Object" || text === "None") return text;
  throw errors.badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(text)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}
