/** What a Deployment's ReplicaSets are to each other: which is the new one, how old the others are, what their annotations say. */
import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import { createdMs } from "../pods.ts";
import { replicasOf, surgeMax } from "./limits.ts";

export const revisionAnnotation = "deployment.kubernetes.io/revision";
const revisionHistoryAnnotation = "deployment.kubernetes.io/revision-history";
export const desiredReplicasAnnotation = "deployment.kubernetes.io/desired-replicas";
export const maxReplicasAnnotation = "deployment.kubernetes.io/max-replicas";
export const templateHashLabel = "pod-template-hash";

/** Characters of the revision history kept in an annotation. */
const revisionHistoryCharactersMax = 2_000;

/** A Deployment's annotations that are not its ReplicaSets'. */
const annotationsNotCopied = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  "deprecated.deployment.rollback.to",
]);

export function byAge(a: KubeObject, b: KubeObject): number {
  return createdMs(a) - createdMs(b) || compareNames(a, b);
}

export function compareNames(a: KubeObject, b: KubeObject): number {
  return (a.metadata.name as string) < (b.metadata.name as string) ? -1 : 1;
}

/** 64 bits, as Go has them: somebody may start high. 0 where there is none. */
export function revisionOf(object: KubeObject): bigint {
  const text = object.metadata.annotations?.[revisionAnnotation] ?? "";
  if (!/^[+-]?\d{1,19}$/.test(text)) return 0n;
  const revision = BigInt(text.replace("+", ""));
  return BigInt.asIntN(64, revision) === revision ? revision : 0n;
}

/** The ReplicaSet of the Deployment's present template: the oldest, should there be several. */
export function findNewReplicaSet(
  deployment: KubeObject,
  replicaSets: readonly KubeObject[],
): KubeObject | undefined {
  return [...replicaSets]
    .sort(byAge)
    .find((set) => sameTemplate(set.spec.template, deployment.spec.template));
}

/** Equal but for the hash label. */
export function sameTemplate(a: KubeObject, b: KubeObject): boolean {
  return deepEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: KubeObject): unknown {
  if (template.metadata?.labels?.[templateHashLabel] === undefined) return template;
  const { [templateHashLabel]: _, ...labels } = template.metadata.labels;
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** Those that have or want pods. */
export function activeOf(replicaSets: readonly KubeObject[]): KubeObject[] {
  return replicaSets.filter((set) => replicasOf(set) > 0);
}

export function sumReplicas(replicaSets: readonly KubeObject[]): number {
  return replicaSets.reduce((sum, set) => sum + replicasOf(set), 0);
}

/** How many pods the ReplicaSets shall have together: also those that cannot be made. */
export function wantedReplicas(replicaSets: readonly KubeObject[]): number {
  return replicaSets.reduce((sum, set) => sum + Number(set.spec?.replicas ?? 0), 0);
}

export function sumStatus(
  replicaSets: readonly KubeObject[],
  field: "replicas" | "readyReplicas" | "availableReplicas" | "terminatingReplicas",
): number {
  return replicaSets.reduce((sum, set) => sum + Number(set.status?.[field] ?? 0), 0);
}

/**
 * The annotations of the new ReplicaSet: the Deployment's, its revision (raised to `revision`, the former one kept in the
 * history), and what `sizeAnnotations` says when it is new. Undefined where nothing changes.
 */
export function newReplicaSetAnnotations(
  deployment: KubeObject,
  replicaSet: KubeObject,
  revision: bigint,
  exists: boolean,
): Record<string, string> | undefined {
  const old = replicaSet.metadata.annotations ?? {};
  const next: Record<string, string> = { ...old };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!annotationsNotCopied.has(key)) next[key] = value;
  }
  const oldRevision = old[revisionAnnotation];
  if (revisionOf(replicaSet) < revision) {
    next[revisionAnnotation] = String(revision);
    if (oldRevision !== undefined) {
      next[revisionHistoryAnnotation] = appendRevision(old[revisionHistoryAnnotation] ?? "", oldRevision);
    }
  }
  if (!exists) Object.assign(next, sizeAnnotations(deployment));
  return deepEqual(old, next) ? undefined : next;
}

/** The oldest revisions go when the list is too long. */
function appendRevision(history: string, revision: string): string {
  if (history === "") return revision;
  const revisions = [...history.split(","), revision];
  while (revisions.length > 1 && revisions.join(",").length > revisionHistoryCharactersMax) revisions.shift();
  return revisions.join(",");
}

/** How many pods the Deployment wants and may have: from them a later scaling is split in proportion. */
export function sizeAnnotations(deployment: KubeObject): Record<string, string> {
  const replicas = replicasOf(deployment);
  return {
    [desiredReplicasAnnotation]: String(replicas),
    [maxReplicasAnnotation]: String(replicas + surgeMax(deployment)),
  };
}

export function sizeAnnotationsDiffer(deployment: KubeObject, replicaSet: KubeObject): boolean {
  return Object.entries(sizeAnnotations(deployment)).some(
    ([key, value]) => replicaSet.metadata.annotations?.[key] !== value,
  );
}
