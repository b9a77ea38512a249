/** The devices that a node can reach, by pool: k8s.io/dynamic-resource-allocation/structured. */
import type { KubeObject } from "../../../apimachinery/index.ts";
import type { Slice } from "../../devices/types.ts";
import { matchesNodeSelector } from "../node-affinity.ts";

export interface Pool {
  readonly driver: string;
  readonly name: string;
  /** Of the newest generation, those that the node can reach. */
  readonly slices: readonly Slice[];
  /** Its driver is still writing it. */
  readonly isIncomplete: boolean;
  /** Two of its devices have one name. */
  readonly isInvalid: boolean;
}

/** In the order of their drivers and names, so that the first device that fits is always the same. */
export function poolsOf(slices: readonly Slice[], node: KubeObject): Pool[] {
  const pools = new Map<string, Slice[]>();
  for (const slice of slices) {
    if (!reaches(slice, node)) continue;
    const key = keyOf(slice);
    const [newest] = pools.get(key) ?? [];
    const generation = newest?.spec.pool.generation ?? -1;
    if (slice.spec.pool.generation > generation) pools.set(key, [slice]);
    else if (slice.spec.pool.generation === generation) pools.get(key)?.push(slice);
  }
  const found: Pool[] = [];
  for (const key of [...pools.keys()].sort()) {
    const own = (pools.get(key) as Slice[]).sort((a, b) =>
      (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1,
    );
    const { driver, pool } = (own[0] as Slice).spec;
    // Slices that the node cannot reach are of the pool as well.
    const all = slices.filter((slice) => keyOf(slice) === key);
    if (all.some(({ spec }) => spec.pool.generation > pool.generation)) continue;
    const count = all.filter(({ spec }) => spec.pool.generation === pool.generation).length;
    found.push({
      driver,
      name: pool.name,
      slices: own,
      isIncomplete: count !== pool.resourceSliceCount,
      isInvalid: hasTwins(own),
    });
  }
  return found;
}

function reaches({ spec }: Slice, node: KubeObject): boolean {
  // Of slices whose devices say by themselves where they are, as of all that is not served by default, nothing is allocated.
  if (spec.perDeviceNodeSelection !== undefined) return false;
  if (spec.nodeName !== undefined && spec.nodeName !== "") return spec.nodeName === node.metadata.name;
  if (spec.allNodes === true) return true;
  return spec.nodeSelector !== undefined && matchesNodeSelector(spec.nodeSelector, node);
}

function keyOf({ spec: { driver, pool } }: Slice): string {
  return `${driver}/${pool.name}`;
}

function hasTwins(slices: readonly Slice[]): boolean {
  const names = slices.flatMap(({ spec }) => (spec.devices ?? []).map(({ name }) => name));
  return new Set(names).size < names.length;
}
