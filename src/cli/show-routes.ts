import { createCatalog } from "../catalog/index.ts";
import { createInformerFactory, silentLog } from "../client/index.ts";
import { readRoutes } from "../router/index.ts";
import type { Session } from "./connection.ts";
import { renderTable } from "./table.ts";

/** The table of routes as people want to see it, most specific first, then what is not routed. */
export async function showRoutes({ client, platform }: Session): Promise<string> {
  const { clock, random, loop } = platform;
  const informers = createInformerFactory({ client, clock, random, log: silentLog });
  const catalog = createCatalog({ informers, loop });
  const stopping = new AbortController();
  try {
    const reading = readRoutes({ client, informers, catalog, clock, signal: stopping.signal });
    informers.start(stopping.signal);
    const { table, endpointsOf } = await reading;
    const columns = ["Host", "Path", "TLS", "Plain", "From", "To", "Endpoints"];
    const rows = table.entries.map((entry) => {
      const total = entry.targets.reduce((sum, { weight }) => sum + weight, 0);
      const share = (weight: number): string =>
        entry.targets.length === 1 ? "" : ` ${total === 0 ? 0 : Math.round((weight / total) * 100)}%`;
      const endpoints = endpointsOf(entry).map(({ endpoint: { address, port } }) => `${address}:${port}`);
      return [
        entry.host === "" ? "*" : entry.host,
        entry.exact ? entry.path : `${entry.path}${entry.path.endsWith("/") ? "" : "/"}*`,
        entry.termination,
        entry.insecure,
        entry.owner,
        entry.targets.map(({ serviceKey, weight }) => `${serviceKey}${share(weight)}`).join(","),
        `${endpoints.slice(0, 3).join(",") || "<none>"}${endpoints.length > 3 ? ` + ${endpoints.length - 3} more` : ""}`,
      ];
    });
    const lines = renderTable(
      {
        columnDefinitions: columns.map((name) => ({ name, priority: 0 })),
        rows: rows.map((cells) => ({ cells })),
      },
      { wide: false, namespaces: false },
    );
    for (const [owner, problems] of table.problems)
      for (const { reason, message } of problems) lines.push(`not routed: ${owner}: ${reason}: ${message}`);
    return `${lines.join("\n")}\n`;
  } finally {
    stopping.abort();
  }
}
