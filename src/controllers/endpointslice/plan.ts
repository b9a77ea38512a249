/** Which slices to write so that together they hold the endpoints that are wanted, with as few writes as can be. Pure. */
import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import type { Endpoint, SlicePort } from "./endpoint.ts";

/** Endpoints in one slice at most; the server would take a thousand. Small slices make small events. */
const endpointsPerSliceMax = 100;

export interface WantedGroup {
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SliceContent {
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SlicePlan {
  readonly create: SliceContent[];
  readonly update: { readonly slice: KubeObject; readonly content: SliceContent }[];
  readonly remove: KubeObject[];
}

/**
 * For each list of ports: endpoints stay in the slice they are in; new ones fill slices that are written anyway, then one
 * with room, then new slices. Slices to remove are used for those to make. With no endpoints at all one empty slice
 * remains, which says that the controller has looked.
 */
export function planSlices(existing: readonly KubeObject[], wanted: readonly WantedGroup[]): SlicePlan {
  const groups = wanted.length === 0 ? [{ ports: [], endpoints: [] }] : wanted;
  const plan: SlicePlan = { create: [], update: [], remove: [] };
  const left = new Set(existing);
  for (const group of groups) {
    const slices = existing.filter((slice) => left.has(slice) && deepEqual(slice.ports ?? [], group.ports));
    for (const slice of slices) left.delete(slice);
    planGroup(plan, slices, group);
  }
  plan.remove.push(...left);
  while (plan.create.length > 0 && plan.remove.length > 0) {
    plan.update.push({ slice: plan.remove.pop() as KubeObject, content: plan.create.pop() as SliceContent });
  }
  return plan;
}

interface Draft {
  readonly slice: KubeObject;
  readonly endpoints: Endpoint[];
  changed: boolean;
}

function planGroup(plan: SlicePlan, slices: readonly KubeObject[], group: WantedGroup): void {
  const missing = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const drafts = slices.map((slice) => keepWanted(slice, missing));
  const rest = [...missing.values()];
  for (const draft of drafts.filter(({ changed }) => changed)) fill(draft, rest);
  if (rest.length > 0 && rest.length < endpointsPerSliceMax) {
    const roomy = drafts.find(({ endpoints }) => endpoints.length + rest.length <= endpointsPerSliceMax);
    if (roomy !== undefined) fill(roomy, rest);
  }
  while (rest.length > 0) {
    plan.create.push({ ports: group.ports, endpoints: rest.splice(0, endpointsPerSliceMax) });
  }
  let kept = plan.create.length;
  for (const draft of drafts) {
    const spare = draft.endpoints.length === 0 && (group.endpoints.length > 0 || kept > 0);
    if (spare) {
      plan.remove.push(draft.slice);
      continue;
    }
    kept++;
    if (draft.changed) {
      plan.update.push({ slice: draft.slice, content: { ports: group.ports, endpoints: draft.endpoints } });
    }
  }
  if (kept === 0) plan.create.push({ ports: group.ports, endpoints: [] });
}

/** The endpoints of a slice that are still wanted, as they are wanted; takes them out of `missing`. */
function keepWanted(slice: KubeObject, missing: Map<string, Endpoint>): Draft {
  const draft: Draft = { slice, endpoints: [], changed: false };
  for (const present of (slice.endpoints ?? []) as Endpoint[]) {
    const identity = identityOf(present);
    const wanted = missing.get(identity);
    if (wanted === undefined) {
      draft.changed = true;
      continue;
    }
    missing.delete(identity);
    draft.endpoints.push(wanted);
    if (!deepEqual(present, wanted)) draft.changed = true;
  }
  return draft;
}

function fill(draft: Draft, rest: Endpoint[]): void {
  const taken = rest.splice(0, endpointsPerSliceMax - draft.endpoints.length);
  if (taken.length === 0) return;
  draft.endpoints.push(...taken);
  draft.changed = true;
}

function identityOf(endpoint: Endpoint): string {
  return endpoint.targetRef?.uid ?? endpoint.addresses.join(",");
}
