/** What is found, in the formats of --write-out. */
import { statusBadFeature, UtlError } from "./command.ts";

interface Column {
  /** Of a table. */
  readonly head: string;
  /** In the format `fields`. */
  readonly field: string;
  readonly json: string;
  readonly value: string | number;
  /** For people, where that is not the value. */
  readonly text?: string;
}

export type Row = readonly Column[];

export const rowOf = (...columns: Column[]): Row => columns;

export const formats: readonly string[] = ["fields", "json", "protobuf", "simple", "table"];

/** Looked at before any work is done. @throws UtlError */
export function checkFormat(format: string): void {
  if (!formats.includes(format)) throw new UtlError("unsupported output format", statusBadFeature);
}

/** @throws UtlError: there is no message of protobuf's for it */
export function printed(row: Row, format: string): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(Object.fromEntries(row.map(({ json, value }) => [json, value])))}\n`;
    case "fields":
      return row.map(({ field, value }) => `"${field}" : ${value}\n`).join("");
    case "table":
      return table(row);
    case "protobuf":
      throw new UtlError("protobuf not supported as output format", statusBadFeature);
    default:
      return `${row.map(textOf).join(", ")}\n`;
  }
}

const textOf = ({ value, text }: Column) => text ?? String(value);

/** Of one row: heads in the middle, values to the right. */
function table(row: Row): string {
  const widths = row.map((column) => Math.max(column.head.length, textOf(column).length));
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+\n`;
  const line = (cells: readonly string[]) => `|${cells.map((cell) => ` ${cell} `).join("|")}|\n`;
  const heads = row.map(({ head }, i) => {
    const width = widths[i] as number;
    return head
      .toUpperCase()
      .padStart(head.length + Math.floor((width - head.length) / 2))
      .padEnd(width);
  });
  const texts = row.map((column, i) => textOf(column).padStart(widths[i] as number));
  return rule + line(heads) + rule + line(texts) + rule;
}

/** As go-humanize's Bytes: by thousands, one digit behind the point below ten. */
export function humanBytes(bytes: number): string {
  if (bytes < 10) return `${bytes} B`;
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  const power = Math.min(units.length - 1, Math.floor((String(bytes).length - 1) / 3));
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[power]}`;
}
