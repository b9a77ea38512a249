import { concatBytes, type Revision } from "../base/index.ts";
import { type KeyValue, KvError, type RangeQuery, type RangeResult } from "../kv/index.ts";
import { etcdserverpb } from "../wire/index.ts";
import type { Cluster } from "./cluster.ts";
import { pageKeysMax } from "./limits.ts";
import { rangeRequest } from "./requests.ts";
import { headerOf, rangeAnswer } from "./responses.ts";

const oneZero = Uint8Array.of(0);

/**
 * A range in the order of keys comes in pages, all of one revision, so that no answer grows with the store; one that is sorted or
 * filtered otherwise can only come as a whole.
 */
export async function range(cluster: Cluster, query: RangeQuery): Promise<RangeResult> {
  if (!isPaged(query)) return ask(cluster, query);
  for (;;) {
    try {
      return await pages(cluster, query);
    } catch (error) {
      // Compacted away between two pages: whoever wanted the present gets a later one.
      const movedOn = error instanceof KvError && error.code === "COMPACTED" && !query.revision;
      if (!movedOn) throw error;
    }
  }
}

function isPaged(query: RangeQuery): boolean {
  const { rangeEnd, sort, countOnly } = query;
  const filtered =
    query.minModRevision || query.maxModRevision || query.minCreateRevision || query.maxCreateRevision;
  const inOrder = sort === undefined || (sort.target === "key" && sort.order !== "descend");
  return rangeEnd !== undefined && inOrder && countOnly !== true && !filtered;
}

async function pages(cluster: Cluster, query: RangeQuery): Promise<RangeResult> {
  const limit = query.limit === undefined || query.limit <= 0 ? Number.POSITIVE_INFINITY : query.limit;
  const kvs: KeyValue[] = [];
  let first: RangeResult | undefined;
  let key = query.key;
  let revision = query.revision;
  let pageKeys = pageKeysMax;
  for (;;) {
    const keys = Math.min(pageKeys, limit - kvs.length);
    const page = await ask(cluster, {
      ...query,
      key,
      limit: keys,
      ...(revision === undefined ? {} : { revision }),
      // Of a revision that another member may not have yet.
      serializable: first === undefined && query.serializable === true,
    }).catch((error: unknown) => {
      if (keys > 1 && error instanceof KvError && error.code === "REQUEST_TOO_LARGE") return undefined;
      throw error;
    });
    if (page === undefined) {
      // Large values: fewer of them at once.
      pageKeys = Math.ceil(keys / 4);
      continue;
    }
    first ??= page;
    for (const each of page.kvs) kvs.push(each);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined || kvs.length >= limit) {
      return { header: first.header, kvs, count: first.count, more: page.more };
    }
    revision = (query.revision || first.header.revision) as Revision;
    key = concatBytes([last.key, oneZero]);
  }
}

async function ask(cluster: Cluster, query: RangeQuery): Promise<RangeResult> {
  const serializable = query.serializable === true;
  const response = await cluster.unary(
    etcdserverpb.KVService.Range,
    rangeRequest(query, serializable),
    "read",
    { leader: !serializable },
  );
  return { header: headerOf(response), ...rangeAnswer(response) };
}
