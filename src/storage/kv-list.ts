import { fromUtf8, prefixEnd, type Revision, utf8 } from "../base/index.ts";
import { type KeyValue, type Kv, KvError } from "../kv/index.ts";
import { decodeContinue, encodeContinue } from "./continue-token.ts";
import { continueExpired, listExpired, storageErrorOf, tooLargeResourceVersion } from "./errors.ts";
import { type ListOptions, StorageError, type StoredList } from "./ports.ts";
import { parseResourceVersion } from "./resource-version.ts";
import { StoredObject } from "./stored-object.ts";

/** Keys read from the store at once: bounds one answer on the wire, and what a selective page reads too much. */
const pageKeysMax = 10_000;

/** What a list asks for, made plain. */
export interface ListPlan {
  readonly startKey: string;
  /** The state to read: a kept revision, or 0 for the newest. */
  readonly exactRevision: Revision;
  /** The state must be at least as new. */
  readonly minimumRevision: Revision;
  /** Any state will do. */
  readonly stale: boolean;
  /** 0: all. */
  readonly limit: number;
  readonly continues: boolean;
}

/**
 * resourceVersion, resourceVersionMatch and continue as upstream reads them
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list).
 * @throws StorageError INVALID_CONTINUE, INVALID_RESOURCE_VERSION
 */
export function planList(prefix: string, options: ListOptions): ListPlan {
  const limit = Math.max(0, options.limit);
  if (options.continue !== "") {
    const token = decodeContinue(options.continue, prefix);
    if (options.resourceVersion !== "" && options.resourceVersion !== "0") {
      throw new StorageError(
        "INVALID_CONTINUE",
        prefix,
        "specifying resource version is not allowed when using continue",
      );
    }
    const exactRevision = Math.max(0, token.revision) as Revision;
    return {
      startKey: token.startKey,
      exactRevision,
      minimumRevision: none,
      stale: false,
      limit,
      continues: true,
    };
  }
  const asked = listedRevision(options.resourceVersion);
  const stale = options.resourceVersion === "0";
  // Before resourceVersionMatch existed, a page of a given version meant exactly that version.
  const exact =
    options.resourceVersionMatch === "Exact" ||
    (options.resourceVersionMatch === "" && limit > 0 && asked > 0);
  return {
    startKey: prefix,
    exactRevision: exact ? asked : none,
    minimumRevision: exact ? none : asked,
    stale,
    // Whoever takes any state takes all of it: it comes from memory.
    limit: stale ? 0 : limit,
    continues: false,
  };
}

const none = 0 as Revision;

function listedRevision(text: string): Revision {
  try {
    return parseResourceVersion(text);
  } catch (error) {
    const { message } = error as StorageError;
    throw new StorageError("INVALID_RESOURCE_VERSION", "", `invalid resource version: ${message}`);
  }
}

/**
 * Reads a list or a page of it. Objects that do not match are read over, so that a page is full wherever there is enough.
 * @throws StorageError
 */
export async function listFromKv(
  kv: Kv,
  prefix: string,
  options: ListOptions,
  singleKey: string | undefined,
): Promise<StoredList> {
  const plan = planList(prefix, options);
  if (singleKey !== undefined) return listOne(kv, singleKey, plan, options);
  const { predicate } = options;
  const rangeEnd = prefixEnd(utf8(prefix));
  const items: StoredObject[] = [];
  let revision = plan.exactRevision;
  let key = utf8(plan.startKey);
  let pageKeys = plan.limit === 0 ? pageKeysMax : Math.min(plan.limit, pageKeysMax);
  for (;;) {
    const answer = await rangeAt(kv, plan, prefix, { key, rangeEnd, limit: pageKeys, revision });
    if (revision === 0) revision = answer.header.revision;
    let last: KeyValue | undefined;
    let taken = 0;
    for (const each of answer.kvs) {
      if (plan.limit > 0 && items.length === plan.limit) break;
      taken++;
      last = each;
      const stored = StoredObject.of(each);
      if (stored.matches(predicate)) items.push(stored);
    }
    const rest = answer.count - taken;
    if (last === undefined || rest <= 0) {
      return { items, resourceVersion: String(revision), continue: "", remainingItemCount: undefined };
    }
    const startKey = `${fromUtf8(last.key)}\0`;
    if (plan.limit > 0 && items.length === plan.limit) {
      return {
        items,
        resourceVersion: String(revision),
        continue: encodeContinue({ startKey, revision }, prefix),
        remainingItemCount: predicate.empty ? rest : undefined,
      };
    }
    key = utf8(startKey);
    pageKeys = Math.min(pageKeysMax, pageKeys * 2);
  }
}

async function listOne(kv: Kv, key: string, plan: ListPlan, options: ListOptions): Promise<StoredList> {
  const answer = await rangeAt(kv, plan, key, { key: utf8(key), revision: plan.exactRevision });
  const items: StoredObject[] = [];
  for (const each of answer.kvs) {
    const stored = StoredObject.of(each);
    if (stored.matches(options.predicate)) items.push(stored);
  }
  const resourceVersion = String(plan.exactRevision === 0 ? answer.header.revision : plan.exactRevision);
  return { items, resourceVersion, continue: "", remainingItemCount: undefined };
}

async function rangeAt(
  kv: Kv,
  plan: ListPlan,
  prefix: string,
  query: { key: Uint8Array; rangeEnd?: Uint8Array; limit?: number; revision: Revision },
) {
  try {
    const answer = await kv.range({ ...query, serializable: plan.stale });
    if (answer.header.revision < plan.minimumRevision) {
      throw tooLargeResourceVersion(plan.minimumRevision, answer.header.revision);
    }
    return answer;
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
    if (error.code === "COMPACTED") {
      if (!plan.continues) throw listExpired(prefix);
      throw continueExpired(prefix, encodeContinue({ startKey: fromUtf8(query.key), revision: -1 }, prefix));
    }
    if (error.code === "FUTURE_REVISION") {
      const { header } = await kv.range({ key: query.key, countOnly: true });
      throw tooLargeResourceVersion(query.revision, header.revision);
    }
    throw storageErrorOf(error, prefix);
  }
}
