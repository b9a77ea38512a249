import { deepEqual, type FieldError, field } from "../../../apimachinery/index.ts";
import { internalForm } from "../../../schema/index.ts";
import type { Affinity, NodeSelectorTerm, PodSpec } from "./types.ts";

/** While gates keep a pod from being scheduled, what it asks of nodes may become narrower. */
export function validateGatedUpdate(next: PodSpec, old: PodSpec): FieldError[] {
  return [...validateNodeSelector(next.nodeSelector, old.nodeSelector), ...validateNodeAffinity(next, old)];
}

function validateNodeSelector(next: PodSpec["nodeSelector"], old: PodSpec["nodeSelector"]): FieldError[] {
  if (Object.entries(old ?? {}).every(([key, value]) => next?.[key] === value)) return [];
  const detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
  return [field.invalid("spec.nodeSelector", next ?? null, detail)];
}

function validateNodeAffinity(next: PodSpec, old: PodSpec): FieldError[] {
  const path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  const before = requiredTerms(old.affinity) ?? [];
  if (before.length === 0) return [];
  const after = requiredTerms(next.affinity);
  if (after?.length !== before.length) {
    const detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
    return [field.invalid(path, after?.map(shown) ?? null, detail)];
  }
  return after.flatMap((term, i) => {
    if (onlyGrew(term, before[i] as NodeSelectorTerm)) return [];
    const detail = "only additions are allowed (no mutations or deletions)";
    return [field.invalid(`${path}[${i}]`, shown(term), detail)];
  });
}

const requiredTerms = (affinity: Affinity | undefined): NodeSelectorTerm[] | null | undefined =>
  affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;

const shown = (term: NodeSelectorTerm): object => internalForm("NodeSelectorTerm", term);

/** Requirements are ANDed, so that more of them select fewer nodes; but a term without any selects none, and must stay so. */
function onlyGrew(next: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const { matchExpressions = [], matchFields = [] } = old;
  const nextExpressions = next.matchExpressions ?? [];
  const nextFields = next.matchFields ?? [];
  if (matchExpressions.length + matchFields.length === 0)
    return nextExpressions.length + nextFields.length === 0;
  return (
    deepEqual(nextExpressions.slice(0, matchExpressions.length), matchExpressions) &&
    deepEqual(nextFields.slice(0, matchFields.length), matchFields)
  );
}

/** `munged` with the node affinity that was: what else changes in it is told with the rest of the pod. */
export function withNodeAffinityOf(munged: PodSpec, old: PodSpec): void {
  const before = old.affinity?.nodeAffinity;
  const { affinity } = munged;
  if (deepEqual(affinity?.nodeAffinity, before)) return;
  if (affinity === undefined) {
    if (before !== undefined) munged.affinity = { nodeAffinity: before };
    return;
  }
  const { nodeAffinity: _, ...rest } = affinity;
  if (old.affinity === undefined && Object.keys(rest).length === 0) delete munged.affinity;
  else munged.affinity = before === undefined ? rest : { ...rest, nodeAffinity: before };
}
