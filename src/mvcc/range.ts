import { compareBytes, type Revision } from "../base/index.ts";
import { KvError, type RangeAnswer, type RangeOp } from "../kv/index.ts";
import type { Keyspace } from "./keyspace.ts";

/** @throws KvError COMPACTED, FUTURE_REVISION when a range cannot be read at this revision; 0 is now. */
export function checkRevision(space: Keyspace, revision: Revision | undefined): void {
  if (revision === undefined || revision === 0) return;
  if (revision > space.revision) throw futureRevision();
  if (revision < space.compactRevision) throw compacted(space);
}

export function futureRevision(): KvError {
  return new KvError("FUTURE_REVISION", "etcdserver: mvcc: required revision is a future revision");
}

export function compacted(space: Keyspace): KvError {
  return new KvError("COMPACTED", "etcdserver: mvcc: required revision has been compacted", {
    compactRevision: space.compactRevision,
  });
}

/**
 * Answers a range. `now` is the revision of a range that names none. As in etcd, `count` is what exists in the range whatever
 * the limit and the filters; the filters come first, then the order, then the limit. Only where neither filters nor an order are named does the
 * limit come before the sorting.
 */
export function rangeOf(space: Keyspace, query: RangeOp, now: number): RangeAnswer {
  const revision = query.revision === undefined || query.revision <= 0 ? now : query.revision;
  const { limit = 0, sort, countOnly = false, keysOnly = false } = query;
  if (countOnly) return { kvs: [], count: space.scan(query, revision, () => "count"), more: false };
  const accepts = filterOf(space, query);
  const inKeyOrder = sort === undefined || (sort.target === "key" && sort.order !== "descend");
  const limitsFirst = inKeyOrder || (sort.order === "none" && accepts === undefined);
  // What lies behind the limit is only counted.
  const foundMax = limitsFirst && limit > 0 ? limit + 1 : Number.POSITIVE_INFINITY;
  let found: number[] = [];
  const count = space.scan(query, revision, (version) => {
    if (accepts === undefined || accepts(version)) found.push(version);
    return found.length < foundMax || "count";
  });
  if (!inKeyOrder) found = sorted(space, found, sort);
  const more = limit > 0 && found.length > limit;
  if (more) found.length = limit;
  return { kvs: found.map((version) => space.keyValue(version, keysOnly)), count, more };
}

/** Whether a version passes the revision filters; undefined when there are none. */
function filterOf(space: Keyspace, query: RangeOp): ((version: number) => boolean) | undefined {
  const { versions } = space;
  const modMin = query.minModRevision || Number.NEGATIVE_INFINITY;
  const modMax = query.maxModRevision || Number.POSITIVE_INFINITY;
  const createMin = query.minCreateRevision || Number.NEGATIVE_INFINITY;
  const createMax = query.maxCreateRevision || Number.POSITIVE_INFINITY;
  const unbounded = modMin === -modMax && createMin === -createMax;
  if (unbounded && modMax === Number.POSITIVE_INFINITY && createMax === Number.POSITIVE_INFINITY)
    return undefined;
  return (version) => {
    const mod = versions.mod(version);
    const create = versions.create(version);
    return mod >= modMin && mod <= modMax && create >= createMin && create <= createMax;
  };
}

/** Equal ones stay in key order, whichever way the rest is sorted. */
function sorted(space: Keyspace, found: number[], sort: NonNullable<RangeOp["sort"]>): number[] {
  const { versions } = space;
  const sign = sort.order === "descend" ? -1 : 1;
  switch (sort.target) {
    case "key":
      return sign < 0 ? found.reverse() : found;
    case "version":
      return found.sort((a, b) => sign * (versions.writes(a) - versions.writes(b)));
    case "create":
      return found.sort((a, b) => sign * (versions.create(a) - versions.create(b)));
    case "mod":
      return found.sort((a, b) => sign * (versions.mod(a) - versions.mod(b)));
    case "value": {
      const withValues = found.map((version) => ({ version, value: versions.value(version) }));
      withValues.sort((a, b) => sign * compareBytes(a.value, b.value));
      return withValues.map(({ version }) => version);
    }
  }
}
