/** Tables as `kubectl get` prints them, from the server's own columns. */
import { paint } from "./paint.ts";

/** meta.k8s.io/v1 Table, as far as it is printed. */
export interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly {
    readonly cells: readonly unknown[];
    readonly object?: { metadata?: { namespace?: string; name?: string } };
  }[];
}

export const tableMediaType = "application/json;as=Table;v=v1;g=meta.k8s.io";

/** Lines without line ends, the head first. Columns are three spaces apart, as kubectl's. */
export function renderTable(
  table: Table,
  options: { wide: boolean; namespaces: boolean; head?: boolean; widths?: number[] },
): string[] {
  const columns = table.columnDefinitions
    .map((column, index) => ({ ...column, index }))
    .filter(({ priority }) => options.wide || priority === 0);
  const head = [
    ...(options.namespaces ? ["NAMESPACE"] : []),
    ...columns.map(({ name }) => name.toUpperCase()),
  ];
  const rows = table.rows.map(({ cells, object }) => [
    ...(options.namespaces ? [object?.metadata?.namespace ?? ""] : []),
    ...columns.map(({ index }) => cellText(cells[index])),
  ]);
  const widths = options.widths ?? [];
  for (const row of options.head === false ? rows : [head, ...rows]) {
    for (const [position, cell] of row.entries())
      widths[position] = Math.max(widths[position] ?? 0, cell.length);
  }
  const line = (row: string[]) =>
    row
      .map((cell, position) =>
        position === row.length - 1 ? cell : cell.padEnd((widths[position] ?? 0) + 3),
      )
      .join("")
      .trimEnd();
  return [...(options.head === false ? [] : [paint("bold", line(head))]), ...rows.map(line)];
}

/** One line, and nothing that would steer a terminal. */
function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return "<none>";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out.
  return String(cell).replace(/[\u0000-\u001f\u007f]/g, " ");
}
