import type { Catalog } from "../catalog/index.ts";
import { type Client, errorText, type InformerFactory, silentLog } from "../client/index.ts";
import type { Clock } from "../platform/index.ts";
import { endpointsOfEntry } from "./backends.ts";
import { isUsableCertificate } from "./certificates.ts";
import type { EndpointsOf } from "./driver.ts";
import { RouteSources } from "./sources.ts";
import { routes } from "./status.ts";
import { buildTable } from "./table.ts";
import type { RouteTable } from "./types.ts";

/** The table that a router would have of this API now, for people to look at. */
export async function readRoutes(options: {
  client: Client;
  informers: InformerFactory;
  catalog: Catalog;
  clock: Clock;
  signal: AbortSignal;
}): Promise<{ table: RouteTable; endpointsOf: EndpointsOf }> {
  const { client, informers, catalog } = options;
  const sources = new RouteSources(informers, catalog, isUsableCertificate);
  try {
    await client.list(routes, { limit: 1 });
    sources.followRoutes(informers);
  } catch (error) {
    silentLog.debug("there are no Routes", { error: errorText(error) });
  }
  await Promise.all([catalog.synced, informers.synced()]);
  return { table: buildTable(sources), endpointsOf: (entry) => endpointsOfEntry(catalog, entry) };
}
