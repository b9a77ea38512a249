/**
 * One round over one Deployment: k8s.io/kubernetes/pkg/controller/deployment. Each round makes one step (grow the new
 * ReplicaSet, or shrink the old ones) and writes the status; the ReplicaSets' own status changes bring the next round.
 */
import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import { type Client, type EventRecorder, errorText } from "../../client/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { OwnWrites } from "../own-writes.ts";
import { controllerOf, controllerReference, isNamespaceTerminating, isNotFound } from "../owners.ts";
import { isPodTerminal } from "../pods.ts";
import { deployments, inNamespace, isTerminating, replicaSets as replicaSetResource } from "../resources.ts";
import { isRollingUpdate, progressDeadlineSeconds, replicasOf } from "./limits.ts";
import { podTemplateHash } from "./pod-template-hash.ts";
import {
  activeOf,
  findNewReplicaSet,
  newReplicaSetAnnotations,
  revisionAnnotation,
  revisionOf,
  sameTemplate,
  sizeAnnotations,
  sizeAnnotationsDiffer,
  sumStatus,
  templateHashLabel,
} from "./replica-sets.ts";
import { isScalingEvent, newReplicaSetSize, oldReplicaSetSizes, proportionalSizes } from "./scaling.ts";
import {
  calculateStatus,
  condition,
  type DeploymentStatus,
  deploymentCondition,
  isComplete,
  rolloutStatus,
  withDeploymentCondition,
} from "./status.ts";

export interface RolloutDependencies {
  readonly client: Client;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
  /** Told of every write. */
  readonly written: OwnWrites;
}

/** A Deployment during one round; every write brings its newest version in. */
export class Rollout {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #recorder: EventRecorder;
  readonly #written: OwnWrites;
  #deployment: KubeObject;
  /** All ReplicaSets of the Deployment, as this round knows them. */
  #sets: KubeObject[];

  constructor(dependencies: RolloutDependencies, deployment: KubeObject, replicaSets: readonly KubeObject[]) {
    this.#client = dependencies.client;
    this.#clock = dependencies.clock;
    this.#recorder = dependencies.recorder;
    this.#written = dependencies.written;
    this.#deployment = deployment;
    this.#sets = [...replicaSets];
  }

  get deployment(): KubeObject {
    return this.#deployment;
  }

  /** @throws what a write failed with; the round is then made again. `podsOfSet` are only asked for Recreate. */
  async run(podsOfSet: (uid: string) => KubeObject[]): Promise<void> {
    if (isTerminating(this.#deployment)) return this.#writeStatus(this.#plainStatus());
    await this.#notePause();
    if (this.#deployment.spec.paused === true || isScalingEvent(this.#deployment, this.#sets)) {
      return this.#scaleOnly();
    }
    if (isRollingUpdate(this.#deployment)) await this.#roll();
    else await this.#recreate(podsOfSet);
  }

  async #scaleOnly(): Promise<void> {
    const newest = await this.#syncNewReplicaSet(false);
    for (const change of proportionalSizes(this.#deployment, newest, this.#oldSets())) {
      await this.#resize(change.replicaSet, change.replicas);
    }
    if (this.#deployment.spec.paused === true) await this.#cleanUp();
    await this.#writeStatus(this.#plainStatus());
  }

  async #roll(): Promise<void> {
    const newest = (await this.#syncNewReplicaSet(true)) as KubeObject;
    const size = Math.min(
      replicasOf(newest) > replicasOf(this.#deployment)
        ? replicasOf(this.#deployment)
        : newReplicaSetSize(this.#deployment, this.#sets, newest),
      replicasOf(this.#deployment),
    );
    if (size !== replicasOf(newest)) {
      await this.#resize(newest, size);
      return this.#writeRolloutStatus();
    }
    const changes = oldReplicaSetSizes(this.#deployment, this.#oldSets(), newest);
    for (const change of changes) await this.#resize(change.replicaSet, change.replicas);
    if (changes.length === 0 && isComplete(this.#deployment, this.#deployment.status)) await this.#cleanUp();
    await this.#writeRolloutStatus();
  }

  async #recreate(podsOfSet: (uid: string) => KubeObject[]): Promise<void> {
    await this.#syncNewReplicaSet(false);
    const old = this.#oldSets();
    const active = activeOf(old);
    if (active.length > 0) {
      for (const set of active) await this.#resize(set, 0);
      return this.#writeRolloutStatus();
    }
    const stillRuns =
      sumStatus(old, "replicas") > 0 ||
      old.some((set) => podsOfSet(set.metadata.uid as string).some((pod) => !isPodTerminal(pod)));
    if (stillRuns) return this.#writeRolloutStatus();
    const newest = (await this.#syncNewReplicaSet(true)) as KubeObject;
    await this.#resize(newest, replicasOf(this.#deployment));
    if (isComplete(this.#deployment, this.#deployment.status)) await this.#cleanUp();
    await this.#writeRolloutStatus();
  }

  #newest(): KubeObject | undefined {
    return findNewReplicaSet(this.#deployment, this.#sets);
  }

  #oldSets(): KubeObject[] {
    const newest = this.#newest();
    return this.#sets.filter((set) => set !== newest);
  }

  #plainStatus(): DeploymentStatus {
    return calculateStatus(this.#deployment, this.#sets, this.#newest(), this.#clock.now());
  }

  #writeRolloutStatus(): Promise<void> {
    return this.#writeStatus(rolloutStatus(this.#deployment, this.#sets, this.#newest(), this.#clock.now()));
  }

  /** The ReplicaSet of the present template with the next revision; made when it is missing and `create`. */
  async #syncNewReplicaSet(create: boolean): Promise<KubeObject | undefined> {
    let highest = 0n;
    for (const each of this.#oldSets().map(revisionOf)) if (each > highest) highest = each;
    const revision = highest + 1n;
    const existing = this.#newest();
    if (existing === undefined) return create ? this.#createReplicaSet(revision) : undefined;
    let newest = existing;
    const annotations = newReplicaSetAnnotations(this.#deployment, existing, revision, true);
    const minReadySeconds: number = this.#deployment.spec.minReadySeconds ?? 0;
    if (annotations !== undefined || (existing.spec.minReadySeconds ?? 0) !== minReadySeconds) {
      newest = await this.#updateSet(existing, {
        ...existing,
        metadata: { ...existing.metadata, annotations: annotations ?? existing.metadata.annotations ?? {} },
        spec: {
          ...existing.spec,
          ...(minReadySeconds === 0 ? { minReadySeconds: undefined } : { minReadySeconds }),
        },
      });
    }
    await this.#noteRevision(
      newest,
      "FoundNewReplicaSet",
      `Found new replica set "${newest.metadata.name}"`,
      false,
    );
    return newest;
  }

  async #createReplicaSet(revision: bigint): Promise<KubeObject> {
    const deployment = this.#deployment;
    const hash = podTemplateHash(deployment.spec.template, deployment.status?.collisionCount);
    const scope = inNamespace(replicaSetResource, deployment.metadata.namespace);
    const wanted = this.#replicaSetFor(hash, revision);
    let created: KubeObject;
    let isNew = true;
    try {
      created = await this.#client.create(scope, wanted);
    } catch (error) {
      if (error instanceof StatusError && error.reason === "AlreadyExists") {
        const taken = await this.#client.get(scope, wanted.metadata.name as string);
        const ours =
          controllerOf(taken)?.uid === deployment.metadata.uid &&
          sameTemplate(taken.spec.template, deployment.spec.template);
        if (!ours) {
          // Another template with the same hash: the next round counts the collision in.
          const collisionCount = Number(deployment.status?.collisionCount ?? 0) + 1;
          await this.#putStatus({ ...deployment.status, collisionCount });
          throw error;
        }
        created = taken;
        isNew = false;
      } else {
        if (!isNamespaceTerminating(error)) await this.#noteCreateFailure(wanted, error);
        throw error;
      }
    }
    this.#written.note(created);
    this.#sets.push(created);
    if (isNew && replicasOf(created) > 0) {
      this.#say("Normal", `Scaled up replica set ${created.metadata.name} from 0 to ${replicasOf(created)}`);
    }
    const message = `Created new replica set "${created.metadata.name}"`;
    await this.#noteRevision(created, "NewReplicaSetCreated", message, isNew);
    return created;
  }

  #replicaSetFor(hash: string, revision: bigint): KubeObject {
    const { metadata, spec } = this.#deployment;
    const template = spec.template;
    const labels = { ...template.metadata?.labels, [templateHashLabel]: hash };
    const set: KubeObject = {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        name: `${metadata.name}-${hash}`,
        namespace: metadata.namespace as string,
        labels,
        ownerReferences: [controllerReference(this.#deployment, "apps/v1", "Deployment")],
      },
      spec: {
        replicas: 0,
        ...(spec.minReadySeconds === undefined || spec.minReadySeconds === 0
          ? {}
          : { minReadySeconds: spec.minReadySeconds }),
        selector: {
          ...spec.selector,
          matchLabels: { ...spec.selector.matchLabels, [templateHashLabel]: hash },
        },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    };
    set.spec.replicas = newReplicaSetSize(this.#deployment, [...this.#sets, set], set);
    set.metadata.annotations = newReplicaSetAnnotations(this.#deployment, set, revision, false) ?? {};
    return set;
  }

  /** Puts the revision of the new ReplicaSet on the Deployment, and the first or a new Progressing condition. */
  async #noteRevision(newest: KubeObject, reason: string, message: string, always: boolean): Promise<void> {
    const deployment = this.#deployment;
    const revision = newest.metadata.annotations?.[revisionAnnotation] ?? "";
    const conditions = deployment.status?.conditions;
    const setsCondition =
      progressDeadlineSeconds(deployment) !== undefined &&
      (always || deploymentCondition(deployment.status, "Progressing") === undefined);
    if (deployment.metadata.annotations?.[revisionAnnotation] === revision && !setsCondition) return;
    const annotations = { ...deployment.metadata.annotations, [revisionAnnotation]: revision };
    const next = setsCondition
      ? withDeploymentCondition(
          conditions,
          condition("Progressing", "True", reason, message),
          this.#clock.now(),
        )
      : conditions;
    await this.#putStatus(
      { ...deployment.status, ...(next === undefined ? {} : { conditions: next }) },
      annotations,
    );
  }

  async #noteCreateFailure(wanted: KubeObject, error: unknown): Promise<void> {
    const message = `Failed to create new replica set "${wanted.metadata.name}": ${errorText(error)}`;
    this.#recorder.event(this.#deployment, "Warning", "ReplicaSetCreateError", message);
    if (progressDeadlineSeconds(this.#deployment) === undefined) return;
    const conditions = withDeploymentCondition(
      this.#deployment.status?.conditions,
      condition("Progressing", "False", "ReplicaSetCreateError", message),
      this.#clock.now(),
    );
    await this.#putStatus({ ...this.#deployment.status, conditions });
  }

  /** The Progressing condition says Unknown while paused, so that no deadline runs. */
  async #notePause(): Promise<void> {
    const deployment = this.#deployment;
    if (progressDeadlineSeconds(deployment) === undefined) return;
    const current = deploymentCondition(deployment.status, "Progressing");
    if (current?.reason === "ProgressDeadlineExceeded") return;
    const pausedNow = current?.reason === "DeploymentPaused";
    const paused = deployment.spec.paused === true;
    if (paused === pausedNow) return;
    const next = paused
      ? condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
      : condition("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed");
    const conditions = withDeploymentCondition(deployment.status?.conditions, next, this.#clock.now());
    await this.#putStatus({ ...deployment.status, conditions });
  }

  async #resize(set: KubeObject, replicas: number): Promise<void> {
    const before = replicasOf(set);
    if (before === replicas && !sizeAnnotationsDiffer(this.#deployment, set)) return;
    const annotations = { ...set.metadata.annotations, ...sizeAnnotations(this.#deployment) };
    await this.#updateSet(set, {
      ...set,
      metadata: { ...set.metadata, annotations },
      spec: { ...set.spec, replicas },
    });
    if (before === replicas) return;
    const direction = before < replicas ? "up" : "down";
    this.#say("Normal", `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`);
  }

  async #updateSet(set: KubeObject, next: KubeObject): Promise<KubeObject> {
    const scope = inNamespace(replicaSetResource, set.metadata.namespace);
    const updated = await this.#client.update(scope, next);
    this.#written.note(updated);
    this.#sets = this.#sets.map((known) => (known === set ? updated : known));
    return updated;
  }

  /** Deletes the oldest ReplicaSets beyond spec.revisionHistoryLimit that have nothing left to do. */
  async #cleanUp(): Promise<void> {
    const limit: number | undefined = this.#deployment.spec.revisionHistoryLimit;
    if (limit === undefined || limit === 2_147_483_647) return;
    const old = this.#oldSets().filter((set) => !isTerminating(set));
    const surplus = old.length - limit;
    if (surplus <= 0) return;
    old.sort((a, b) => Number(revisionOf(a) - revisionOf(b)));
    for (const set of old.slice(0, surplus)) {
      const busy =
        replicasOf(set) !== 0 ||
        Number(set.status?.replicas ?? 0) !== 0 ||
        (set.metadata.generation ?? 0) > Number(set.status?.observedGeneration ?? 0);
      if (busy) continue;
      const scope = inNamespace(replicaSetResource, set.metadata.namespace);
      try {
        await this.#client.delete(scope, set.metadata.name as string);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  #say(type: "Normal" | "Warning", message: string): void {
    this.#recorder.event(this.#deployment, type, "ScalingReplicaSet", message);
  }

  async #writeStatus(status: DeploymentStatus): Promise<void> {
    if (sameStatus(this.#deployment.status, status)) return;
    await this.#putStatus(status);
  }

  async #putStatus(status: DeploymentStatus, annotations?: Record<string, string>): Promise<void> {
    const deployment = this.#deployment;
    this.#deployment = await this.#client.update(
      inNamespace(deployments, deployment.metadata.namespace),
      {
        ...deployment,
        ...(annotations === undefined ? {} : { metadata: { ...deployment.metadata, annotations } }),
        status: { ...status },
      },
      "status",
    );
    this.#written.note(this.#deployment);
  }
}

const statusCounts = [
  "observedGeneration",
  "replicas",
  "updatedReplicas",
  "readyReplicas",
  "availableReplicas",
  "unavailableReplicas",
  "terminatingReplicas",
  "collisionCount",
] as const;

function sameStatus(a: DeploymentStatus | undefined, b: DeploymentStatus): boolean {
  return (
    a?.terminatingReplicas !== undefined &&
    statusCounts.every((field) => (a[field] ?? 0) === (b[field] ?? 0)) &&
    JSON.stringify((a.conditions ?? []).map(conditionKey)) ===
      JSON.stringify((b.conditions ?? []).map(conditionKey))
  );
}

function conditionKey(found: Readonly<Record<string, unknown>>): unknown[] {
  return [
    found.type,
    found.status,
    found.reason,
    found.message,
    found.lastTransitionTime,
    found.lastUpdateTime,
  ];
}
