import type { WatchEvent } from "../../apimachinery/index.ts";
import { StatusError } from "../../apimachinery/index.ts";
import { type ConnectionOptions, connect } from "../connection.ts";
import { readLines } from "../lines.ts";
import { discover, findResource, pathOf, splitNames } from "../resources.ts";
import { renderTable, type Table, tableMediaType } from "../table.ts";

export interface WatchOptions extends ConnectionOptions {
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly output: string;
}

/** Objects, then every change, a line each, until the server or the person ends it. */
export async function watch(
  resourceArgument: string,
  nameArgument: string | undefined,
  options: WatchOptions,
): Promise<void> {
  if (options.output !== "table" && options.output !== "json")
    throw new Error(`unknown output format "${options.output}": table or json`);
  const session = await connect(options);
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  try {
    const { resource: word, names } = splitNames(
      resourceArgument,
      nameArgument === undefined ? [] : [nameArgument],
    );
    const resource = findResource(await discover(session.transport), word);
    const query = new URLSearchParams({ watch: "true" });
    if (options.selector) query.set("labelSelector", options.selector);
    if (names[0] !== undefined) query.set("fieldSelector", `metadata.name=${names[0]}`);
    const response = await session.transport.request({
      method: "GET",
      path: `${pathOf(resource, options.allNamespaces ? undefined : session.namespace)}?${query}`,
      headers: { accept: options.output === "table" ? tableMediaType : "application/json" },
      signal: interrupted.signal,
    });
    const namespaces = options.allNamespaces === true && resource.namespaced;
    const widths: number[] = [];
    let columns: Table["columnDefinitions"] = [];
    for await (const line of readLines(response.body)) {
      const event = JSON.parse(line) as WatchEvent<never>;
      if (event.type === "ERROR" || response.status >= 400)
        throw new StatusError(response.status >= 400 ? JSON.parse(line) : event.object);
      if (options.output === "json") {
        process.stdout.write(`${line}\n`);
        continue;
      }
      const table = event.object as Table;
      const head = columns.length === 0;
      if (head) columns = table.columnDefinitions;
      const lines = renderTable(
        { columnDefinitions: columns, rows: table.rows },
        { wide: false, namespaces, head, widths },
      );
      process.stdout.write(`${lines.join("\n")}\n`);
    }
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  } finally {
    await session.close();
  }
}
