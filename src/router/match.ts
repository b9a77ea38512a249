import type { RouteEntry } from "./types.ts";

/** Finds the entry for a host and a path, as the maps would. Built once for a table; a look costs some hash look-ups. */
export class RouteMatcher {
  /** By host; within it most specific first. */
  readonly #byHost = new Map<string, RouteEntry[]>();

  constructor(entries: readonly RouteEntry[]) {
    for (const entry of entries) {
      const known = this.#byHost.get(entry.host);
      if (known === undefined) this.#byHost.set(entry.host, [entry]);
      else known.push(entry);
    }
  }

  /** `authority`: as in a request, perhaps with a port. `path`: perhaps with a query. */
  find(authority: string, path: string): RouteEntry | undefined {
    const host = authority.replace(/:\d*$/, "").toLowerCase();
    const query = path.indexOf("?");
    const bare = query === -1 ? path : path.slice(0, query);
    const dot = host.indexOf(".");
    return (
      this.#within(host, bare) ??
      (dot === -1 ? undefined : this.#within(`*${host.slice(dot)}`, bare)) ??
      this.#within("", bare)
    );
  }

  #within(host: string, path: string): RouteEntry | undefined {
    return this.#byHost.get(host)?.find((entry) => matches(entry, path));
  }
}

function matches({ exact, path: wanted }: RouteEntry, path: string): boolean {
  if (exact) return path === wanted;
  return wanted === "/" || path === wanted || (path.startsWith(wanted) && path[wanted.length] === "/");
}
