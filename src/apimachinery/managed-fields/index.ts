import { applyConflict, badRequest, plainError } from "../errors.ts";
import { isJsonObject } from "../json-types.ts";
import type { Json, JsonObject, KubeObject } from "../object.ts";
import type { SchemaNode } from "../structure.ts";
import { FieldSet } from "./field-set.ts";
import { lastAppliedSet, rememberApplied } from "./last-applied.ts";
import {
  decodeManagers,
  encodeManagers,
  type ManagedSet,
  type Managers,
  managerKey,
  printManager,
} from "./managers.ts";
import { mergeApplied, removeItems } from "./merge.ts";
import { printPath } from "./path-element.ts";
import { joinTypedErrors, typedErrors } from "./typed-errors.ts";
import { type Comparison, compare, compareWritten, fieldSetOf } from "./typed-value.ts";

/**
 * Who owns which field (metadata.managedFields), for every writer, and server-side apply, as k8s.io/apimachinery's managedfields
 * over structured-merge-diff. An update takes what it changes; an apply claims what it mentions, loses what it no longer mentions
 * and meets a conflict where it would change what somebody else owns.
 */

/** Who writes, how. */
export interface FieldManagerRequest {
  /** `fieldManager`, or the User-Agent up to its first "/". */
  readonly manager: string;
  /** Of the version that the request speaks, such as `apps/v1`. */
  readonly apiVersion: string;
  /** "" for the main resource. */
  readonly subresource: string;
  /** RFC 3339 seconds, now. */
  readonly time: string;
  /** Of the object's kind. */
  readonly schema: SchemaNode;
  /**
   * What an object of the kind looks like before anything is set in it (the schema room's `emptyObject`): what a create is compared
   * with. Without it every object that holds something counts as set.
   */
  readonly empty?: KubeObject;
  /** Paths that the writer cannot set here, such as [["status"]] on a main resource with a status subresource: never owned. */
  readonly resetFields?: readonly (readonly string[])[];
  /** How the object looks in the other versions that its managers may speak. Without it all of them see it as it is here. */
  readonly otherVersions?: ReadonlyMap<string, OtherVersion>;
}

/** An object as another version has it. */
export interface OtherVersion {
  readonly schema: SchemaNode;
  /** Does not change its argument. */
  convert(object: KubeObject): KubeObject;
}

/** Fields that the server keeps and nobody owns. */
const strippedFields = FieldSet.of(
  ["f:apiVersion"],
  ["f:kind"],
  ["f:metadata"],
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((name) => ["f:metadata", `f:${name}`]),
);

const updateManagersMax = 10;
const ancientManager = "ancient-changes";
const beforeFirstApply = "before-first-apply";

/**
 * metadata.managedFields of `next` after a create, update or patch over `live` (undefined for a create): fields that
 * changed become the manager's. `live` is in canonical form. Answers `next` with managedFields set; neither argument is changed.
 */
export function trackUpdate(
  live: KubeObject | undefined,
  next: KubeObject,
  request: FieldManagerRequest,
): KubeObject {
  const before = live ?? request.empty ?? { metadata: {} };
  const managers = managersForUpdate(live, next, request);
  // An object that nobody tracks stays so until somebody applies.
  if (live !== undefined && managers.size === 0) return withManagers(next, managers);
  return withManagers(next, updateManagers(before, next, managers, request));
}

/** The request's own list counts, so that it can be edited, and be emptied to begin anew; no list or a bad one is what clients send that do not know it. */
function managersForUpdate(
  live: KubeObject | undefined,
  next: KubeObject,
  request: FieldManagerRequest,
): Managers {
  const kept = decodeManagers(live?.metadata.managedFields) ?? new Map<string, ManagedSet>();
  if (request.subresource !== "") return kept;
  const given = next.metadata.managedFields;
  if (given?.length === 0 || (given?.length === 1 && Object.keys(given[0] as object).length === 0))
    return new Map();
  // What the request did not touch is what is there.
  if (given === undefined) return kept;
  const decoded = decodeManagers(given, { entries: live?.metadata.managedFields, managers: kept });
  return decoded === undefined || decoded.size === 0 ? kept : decoded;
}

function updateManagers(
  before: KubeObject,
  next: KubeObject,
  managers: Managers,
  request: FieldManagerRequest,
): Managers {
  const changes = withoutReset(compareWritten(content(before), content(next), request.schema), request);
  // What upstream cannot follow has no owners any more.
  if (changes.isUnnamed) return new Map();
  const taken = changes.modified.union(changes.added);
  const updated = new Map<string, ManagedSet>();
  const seen = new ChangesSeen(before, next, changes, request);
  for (const [key, claim] of managers) {
    const { taken: takenThere, removed } = seen.by(claim) ?? {};
    if (takenThere === undefined || removed === undefined) continue;
    keepUnlessEmpty(updated, key, { ...claim, set: claim.set.difference(takenThere).difference(removed) });
  }
  const own = taken.difference(strippedFields);
  if (own.isEmpty) return updated;
  const claim: ManagedSet = { ...request, operation: "Update", set: own };
  const key = managerKey(claim);
  const previous = updated.get(key);
  updated.set(key, {
    manager: request.manager,
    operation: "Update",
    apiVersion: request.apiVersion,
    subresource: request.subresource,
    time: request.time,
    set: previous === undefined ? own : previous.set.union(own),
  });
  return capped(updated);
}

/** What a change takes from others, and what is no longer there. */
interface Seen {
  readonly taken: FieldSet;
  readonly removed: FieldSet;
}

/** One change as managers see it that speak other versions; each version is looked at once. */
class ChangesSeen {
  readonly #before: KubeObject;
  readonly #next: KubeObject;
  readonly #request: FieldManagerRequest;
  readonly #here: Seen;
  readonly #elsewhere = new Map<string, Seen>();

  constructor(before: KubeObject, next: KubeObject, changes: Comparison, request: FieldManagerRequest) {
    this.#before = before;
    this.#next = next;
    this.#request = request;
    this.#here = { taken: changes.modified.union(changes.added), removed: changes.removed };
  }

  /** undefined for a version that the object does not have: such a manager owns nothing. */
  by({ apiVersion }: ManagedSet): Seen | undefined {
    const { apiVersion: here, otherVersions } = this.#request;
    if (apiVersion === here || otherVersions === undefined) return this.#here;
    let seen = this.#elsewhere.get(apiVersion);
    const version = otherVersions.get(apiVersion);
    if (seen !== undefined || version === undefined) return seen;
    const there = (object: KubeObject) => content(version.convert(object));
    const { modified, added, removed } = withoutReset(
      compareWritten(there(this.#before), there(this.#next), version.schema),
      this.#request,
    );
    seen = { taken: modified.union(added), removed };
    this.#elsewhere.set(apiVersion, seen);
    return seen;
  }
}

function keepUnlessEmpty(managers: Map<string, ManagedSet>, key: string, claim: ManagedSet): void {
  if (!claim.set.isEmpty) managers.set(key, claim);
}

/** The oldest updaters become one, so that the list is bounded. */
function capped(managers: Managers): Managers {
  if (managers.size <= updateManagersMax) return managers;
  const updaters = [...managers.values()].filter((claim) => claim.operation === "Update");
  if (updaters.length <= updateManagersMax) return managers;
  updaters.sort((a, b) => ((a.time ?? "") < (b.time ?? "") ? -1 : (a.time ?? "") > (b.time ?? "") ? 1 : 0));
  const merged = new Map(managers);
  for (const oldest of updaters.slice(0, updaters.length - updateManagersMax + 1)) {
    merged.delete(managerKey(oldest));
    const ancient: ManagedSet = { ...oldest, manager: ancientManager };
    const key = managerKey(ancient);
    const previous = merged.get(key);
    merged.set(key, previous === undefined ? ancient : { ...ancient, set: previous.set.union(oldest.set) });
  }
  return merged;
}

/**
 * Server-side apply: merges `applied` (the body as it was parsed) into `live` (undefined creates), removes what this manager owned
 * alone and no longer applies. The result is to be decoded and defaulted. Neither argument is changed.
 * @throws StatusError Conflict where another manager owns a field with another value, unless `force`; 500 where `applied` does not
 * fit the schema
 */
export function applyConfiguration(
  live: KubeObject | undefined,
  applied: KubeObject,
  request: FieldManagerRequest & { readonly force: boolean },
): KubeObject {
  if ((applied.metadata?.managedFields?.length ?? 0) > 0) {
    throw badRequest("metadata.managedFields must be nil");
  }
  const problems = typedErrors(applied as unknown as Json, request.schema);
  if (problems.length > 0) {
    throw plainError(
      `failed to create typed patch object (${describe(applied)}): ${joinTypedErrors(problems)}`,
    );
  }
  const before = live ?? request.empty ?? { metadata: {} };
  const managers = managersForApply(live, request);
  const merged = mergeApplied(content(before), content(applied), request.schema);
  const set = withoutResetPaths(fieldSetOf(content(applied), request.schema), request);
  const claim: ManagedSet = {
    manager: request.manager,
    operation: "Apply",
    apiVersion: request.apiVersion,
    subresource: request.subresource,
    time: request.time,
    set,
  };
  const key = managerKey(claim);
  const last = managers.get(key)?.set;
  const all = new Map(managers).set(key, claim);
  const next = prune(merged, all, { last, now: set }, request.schema) as unknown as KubeObject;
  const changes = withoutReset(compare(content(before), content(next), request.schema), request);
  // An apply that changes nothing leaves no time behind.
  if (live !== undefined && isNothing(changes)) all.set(key, { ...claim, time: managers.get(key)?.time });
  const mayTake = request.force ? "everything" : takenOver(live, request);
  const settled = settle(all, key, new ChangesSeen(before, next, changes, request), mayTake);
  return withManagers(rememberApplied(next, applied, request.manager), settled);
}

function isNothing(changes: Comparison): boolean {
  return changes.added.isEmpty && changes.modified.isEmpty && changes.removed.isEmpty;
}

/**
 * What kubectl may take from others without a conflict: what it applied itself, before it was told to let the server do it. Only under
 * its own name; whoever does not want this applies under another.
 */
function takenOver(live: KubeObject | undefined, request: FieldManagerRequest): FieldSet {
  const none = new FieldSet();
  if (live === undefined || request.manager !== "kubectl") return none;
  return lastAppliedSet(content(live) as unknown as KubeObject, request) ?? none;
}

/** Before the first apply nobody may be on record; whatever there is then belongs to a manager of that name. */
function managersForApply(live: KubeObject | undefined, request: FieldManagerRequest): Managers {
  const managers = decodeManagers(live?.metadata.managedFields) ?? new Map<string, ManagedSet>();
  if (live === undefined || managers.size > 0) return managers;
  return updateManagers(request.empty ?? { metadata: {} }, live, managers, {
    ...request,
    manager: beforeFirstApply,
  });
}

/** Takes from the other managers what the apply changed, or throws where it may not. `mayTake`: without a conflict. */
function settle(
  managers: Managers,
  applier: string,
  changes: ChangesSeen,
  mayTake: "everything" | FieldSet,
): Managers {
  const conflicts: { claim: ManagedSet; set: FieldSet }[] = [];
  const settled = new Map<string, ManagedSet>();
  for (const [key, claim] of managers) {
    if (key === applier) {
      keepUnlessEmpty(settled, key, { ...claim, set: claim.set.difference(strippedFields) });
      continue;
    }
    const seen = changes.by(claim);
    if (seen === undefined) continue;
    const conflict = claim.set.intersection(seen.taken);
    if (!conflict.isEmpty) conflicts.push({ claim, set: conflict });
    keepUnlessEmpty(settled, key, {
      ...claim,
      set: claim.set.difference(conflict).difference(seen.removed),
    });
  }
  if (mayTake === "everything") return settled;
  const refused = conflicts
    .map(({ claim, set }) => ({ claim, set: set.difference(mayTake) }))
    .filter(({ set }) => !set.isEmpty);
  if (refused.length > 0) throw conflictError(refused);
  return settled;
}

function conflictError(conflicts: readonly { claim: ManagedSet; set: FieldSet }[]): Error {
  const listed = conflicts
    .map(({ claim, set }) => ({ name: printManager(claim), paths: [...set.paths()].map(printPath) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const causes = listed.flatMap(({ name, paths }) =>
    paths.map((field) => ({ reason: "FieldManagerConflict", message: `conflict with ${name}`, field })),
  );
  if (causes.length === 1) {
    const only = causes[0] as (typeof causes)[number];
    return applyConflict(causes, `Apply failed with 1 conflict: ${only.message}: ${only.field}`);
  }
  const lines = listed.flatMap(({ name, paths }) => [
    `conflicts with ${name}:`,
    ...paths.map((path) => `- ${path}`),
  ]);
  return applyConflict(causes, `Apply failed with ${causes.length} conflicts: ${lines.join("\n")}`);
}

/** Without what this manager applied last time, applies no longer, and nobody else owns. */
function prune(
  merged: Json,
  managers: Managers,
  { last, now }: { readonly last: FieldSet | undefined; readonly now: FieldSet },
  schema: SchemaNode,
): Json {
  // What is applied is owned, with everything on the way to it: then nothing can go, which is what most applies find.
  if (last === undefined || last.difference(now).isEmpty) return merged;
  const lastNamed = last.withNamedFields(schema);
  const pruned = removeItems(merged, lastNamed, schema) ?? {};
  const mergedSet = fieldSetOf(merged, schema).withNamedFields(schema);
  const prunedSet = fieldSetOf(pruned, schema).withNamedFields(schema);
  let owned = new FieldSet();
  for (const claim of managers.values()) owned = owned.union(claim.set.withNamedFields(schema));
  const addedBack = removeItems(merged, mergedSet.difference(prunedSet.union(owned)), schema) ?? {};
  const addedBackSet = fieldSetOf(addedBack, schema).withNamedFields(schema);
  return removeItems(merged, mergedSet.difference(addedBackSet).intersection(lastNamed), schema) ?? {};
}

function withoutReset(changes: Comparison, request: FieldManagerRequest): Comparison {
  if (request.resetFields === undefined) return changes;
  return {
    added: withoutResetPaths(changes.added, request),
    modified: withoutResetPaths(changes.modified, request),
    removed: withoutResetPaths(changes.removed, request),
    isUnnamed: changes.isUnnamed,
  };
}

function withoutResetPaths(set: FieldSet, request: FieldManagerRequest): FieldSet {
  if (request.resetFields === undefined) return set;
  return set.recursiveDifference(setOfReset(request.resetFields));
}

type ResetFields = NonNullable<FieldManagerRequest["resetFields"]>;
const setsOfReset = new WeakMap<ResetFields, FieldSet>();

function setOfReset(fields: ResetFields): FieldSet {
  let set = setsOfReset.get(fields);
  if (set === undefined) {
    set = FieldSet.of(...fields.map((path) => path.map((name) => `f:${name}`)));
    setsOfReset.set(fields, set);
  }
  return set;
}

/** The object without its managedFields, which are about the rest. */
function content(object: KubeObject): JsonObject {
  const json = object as unknown as JsonObject;
  const { metadata } = json;
  if (!isJsonObject(metadata) || metadata.managedFields === undefined) return json;
  const { managedFields: _managedFields, ...rest } = metadata;
  return { ...json, metadata: rest };
}

function withManagers(object: KubeObject, managers: Managers): KubeObject {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return managers.size === 0
    ? { ...object, metadata }
    : { ...object, metadata: { ...metadata, managedFields: encodeManagers(managers) } };
}

/** `namespace/name; group/version, Kind=kind`. */
function describe(object: KubeObject): string {
  const apiVersion = object.apiVersion ?? "";
  const groupVersion = apiVersion.includes("/") ? apiVersion : `/${apiVersion}`;
  return `${object.metadata?.namespace ?? ""}/${object.metadata?.name ?? ""}; ${groupVersion}, Kind=${object.kind ?? ""}`;
}
