import { deepEqual, type KubeObject } from "../apimachinery/index.ts";
import type { UpdateRules } from "./strategy.ts";

/** A new object has no status of the client's making. */
export function withoutStatus<T extends KubeObject>(object: T): T {
  delete (object as KubeObject)["status"];
  return object;
}

/** On the main endpoint the status stays as it is. */
export function keepStatus<T extends KubeObject>(next: T, old: T): T {
  if (old["status"] === undefined) delete (next as KubeObject)["status"];
  else (next as KubeObject)["status"] = old["status"];
  return next;
}

/** Raises `generation` when what is wanted (`spec`, or the given fields) changes. */
export function countGeneration<T extends KubeObject>(
  next: T,
  old: T,
  fields: readonly string[] = ["spec"],
): T {
  const generation = old.metadata.generation ?? 0;
  const changed = fields.some((name) => !deepEqual(next[name], old[name]));
  if (changed || generation > 0) next.metadata.generation = changed ? generation + 1 : generation;
  return next;
}

/** The status endpoint of most kinds: metadata may change, spec may not. */
export const statusOnly: UpdateRules = {
  prepareForUpdate: (next, old) => {
    const { status } = next;
    const kept: KubeObject = { ...old, metadata: next.metadata };
    if (status === undefined) delete kept["status"];
    else kept["status"] = status;
    return kept;
  },
  resetFields: [["spec"]],
};
