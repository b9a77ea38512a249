import type { WeightedEndpoint } from "./backends.ts";
import type { RouteEntry, RouteTable } from "./types.ts";

/** Where a router listens. */
export interface RouterAddresses {
  readonly http: { readonly host: string; readonly port: number };
  readonly https: { readonly host: string; readonly port: number };
}

/** What carries the requests: HAProxy, or the proxy that is built in. */
export interface Driver extends RouterAddresses {
  readonly name: "haproxy" | "embedded";
  /** Routes by this table from now on. The answer: entries that had to be left out, and why. */
  setTable(table: RouteTable): Promise<ReadonlyMap<string, string>>;
  /** The endpoints of these entries are not as they were; the table is. */
  endpointsChanged(entries: readonly RouteEntry[]): Promise<void>;
  /** Compares what runs with what should, and mends it. */
  resync(): Promise<void>;
  close(): Promise<void>;
}

/** What a driver asks about an entry at any time. */
export type EndpointsOf = (entry: RouteEntry) => readonly WeightedEndpoint[];
