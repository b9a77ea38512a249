import {
  humanDuration,
  type Json,
  type KubeObject,
  parseTime,
  stringifyJson,
} from "../../apimachinery/index.ts";
import type { TableColumn } from "../../schema/index.ts";
import { JsonPathError, parseJsonPath } from "./json-path.ts";
import type { PrinterColumn } from "./types.ts";

export interface PrintedColumns {
  readonly columns: readonly TableColumn[];
  row(object: KubeObject, now: number): Json[];
}

const nameColumn: TableColumn = { name: "Name", type: "string", format: "name", priority: 0 };
const ageColumn: PrinterColumn = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

/** How `kubectl get` shows a custom resource: its name, and what additionalPrinterColumns say, its age by default. */
export function printedColumns(given: readonly PrinterColumn[] | undefined): PrintedColumns {
  const printers = given === undefined || given.length === 0 ? [ageColumn] : given;
  const cells = printers.map(cellOf);
  return {
    columns: [
      nameColumn,
      ...printers.map((column) => ({
        name: column.name,
        type: column.type,
        format: column.format ?? "",
        priority: column.priority ?? 0,
        description:
          column === ageColumn
            ? ""
            : column.description ||
              `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
      })),
    ],
    row: (object, now) => [object.metadata.name ?? "", ...cells.map((cell) => cell(object, now))],
  };
}

function cellOf({ type, jsonPath }: PrinterColumn): (object: KubeObject, now: number) => Json {
  const path = readable(jsonPath);
  return (object, now) => {
    const value = path?.find(object as unknown as Json)[0];
    return value === undefined ? null : cell(type, value, now);
  };
}

/** A path that cannot be read shows nothing, as upstream; validation lets more through than can be read. */
function readable(text: string): ReturnType<typeof parseJsonPath> | undefined {
  try {
    return parseJsonPath(text);
  } catch (error) {
    if (error instanceof JsonPathError) return undefined;
    throw error;
  }
}

function cell(type: string, value: Json, now: number): Json {
  switch (type) {
    case "string":
      return shown(value);
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : typeof value === "bigint" ? value : null;
    case "number":
      return typeof value === "number" || typeof value === "bigint" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return typeof value === "string" ? age(value, now) : null;
    default:
      return null;
  }
}

function shown(value: Json): string {
  if (value === null) return "<nil>";
  if (typeof value !== "object") return String(value);
  // Go's encoder escapes these for HTML.
  return stringifyJson(value).replace(
    /[<>&]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}

function age(text: string, now: number): string {
  const time = parseTime(text);
  if (text === "") return "<unknown>";
  return time === undefined ? "<invalid>" : humanDuration(now - time);
}
