/** What the scheduler writes about pods: where they go, why they do not, and who has to make room. */
import type { KubeObject } from "../../apimachinery/index.ts";
import { type Client, type EventRecorder, keyOf, splitKey } from "../../client/index.ts";
import type { Clock } from "../../platform/index.ts";
import { isNotFound } from "../owners.ts";
import { conditionOf, withCondition } from "../pods.ts";
import {
  inNamespace,
  isTerminating,
  persistentVolumeClaims,
  persistentVolumes,
  pods as podResource,
} from "../resources.ts";
import { boundByController, selectedNode } from "../volume/matching.ts";
import type { Candidate } from "./preemption.ts";
import type { VolumePlan } from "./volumes.ts";

export const schedulerName = "default-scheduler";

/** Fits nowhere; or trying failed. */
export type RefusalReason = "Unschedulable" | "SchedulerError";

export class PodWrites {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #recorder: EventRecorder;

  constructor(options: { client: Client; clock: Clock; recorder: EventRecorder }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#recorder = options.recorder;
  }

  /** @throws StatusError 404 where the pod is gone */
  async bind(pod: KubeObject, node: string): Promise<void> {
    const { namespace, name } = splitKey(keyOf(pod));
    const binding: KubeObject = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, namespace, uid: pod.metadata.uid as string },
      target: { apiVersion: "v1", kind: "Node", name: node },
    };
    const subresource = { name, subresource: "binding" };
    await this.#client.create(inNamespace(podResource, namespace), binding, subresource);
    const message = `Successfully assigned ${namespace}/${name} to ${node}`;
    this.#recorder.action(pod, "Normal", "Scheduled", "Binding", message);
  }

  /** Says in an event and in the pod's condition why it has no node. */
  async refuse(
    pod: KubeObject,
    reason: RefusalReason,
    message: string,
    nominatedNodeName?: string,
  ): Promise<void> {
    this.#recorder.action(pod, "Warning", "FailedScheduling", "Scheduling", message);
    const current = conditionOf(pod, "PodScheduled");
    const isNominated =
      nominatedNodeName === undefined || pod.status?.nominatedNodeName === nominatedNodeName;
    const isSaid = current?.status === "False" && current.reason === reason && current.message === message;
    if (isSaid && isNominated) return;
    const condition = {
      type: "PodScheduled",
      ...observedGenerationOf(pod),
      status: "False" as const,
      reason,
      message,
    };
    const conditions = withCondition(pod.status?.conditions, condition, this.#clock.now());
    const status = { ...pod.status, conditions, ...(nominatedNodeName && { nominatedNodeName }) };
    await this.#client.update(scopeOf(pod), { ...pod, status }, "status");
  }

  /** Others see where the pod is to go, while what it needs there takes its time. */
  async nominate(pod: KubeObject, node: string): Promise<void> {
    if (pod.status?.nominatedNodeName === node) return;
    const body = { status: { nominatedNodeName: node } };
    const name = pod.metadata.name as string;
    await this.#client.patch(scopeOf(pod), name, { type: "strategic", body, subresource: "status" });
  }

  /** Takes the victims away for the pod. */
  async displace(pod: KubeObject, { node, victims }: Candidate): Promise<void> {
    for (const victim of victims) {
      if (isTerminating(victim)) continue;
      const { name = "", uid = "" } = victim.metadata;
      const condition = {
        type: "DisruptionTarget",
        ...observedGenerationOf(victim),
        status: "True" as const,
        reason: "PreemptionByScheduler",
        message: `${schedulerName}: preempting to accommodate a higher priority pod`,
      };
      const conditions = withCondition(victim.status?.conditions, condition, this.#clock.now());
      try {
        const scope = scopeOf(victim);
        await this.#client.update(scope, { ...victim, status: { ...victim.status, conditions } }, "status");
        await this.#client.delete(scope, name, { preconditions: { uid } });
      } catch (error) {
        if (!isNotFound(error)) throw error;
        continue;
      }
      const text = `Preempted by pod ${pod.metadata.uid} on node ${node.metadata.name}`;
      this.#recorder.action(victim, "Normal", "Preempted", "Preempting", text, pod);
    }
  }

  /** True: something was written that has to be answered first. */
  async prepareVolumes(pod: KubeObject, plan: VolumePlan, node: string): Promise<boolean> {
    const hasWork = plan.waiting || plan.bindings.length + plan.provisionings.length > 0;
    if (hasWork) await this.nominate(pod, node);
    for (const { claim, volume } of plan.bindings) {
      const { namespace, name, uid, resourceVersion } = claim.metadata;
      const kind = "PersistentVolumeClaim";
      await this.#client.update(persistentVolumes, {
        ...volume,
        metadata: {
          ...volume.metadata,
          annotations: { ...volume.metadata.annotations, [boundByController]: "yes" },
        },
        spec: { ...volume.spec, claimRef: { kind, namespace, name, uid, apiVersion: "v1", resourceVersion } },
      });
    }
    for (const claim of plan.provisionings) {
      const annotations = { ...claim.metadata.annotations, [selectedNode]: node };
      const scope = inNamespace(persistentVolumeClaims, claim.metadata.namespace);
      await this.#client.update(scope, { ...claim, metadata: { ...claim.metadata, annotations } });
    }
    return hasWork;
  }
}

function scopeOf(pod: KubeObject) {
  return inNamespace(podResource, pod.metadata.namespace);
}

function observedGenerationOf({ metadata: { generation } }: KubeObject): { observedGeneration?: number } {
  return generation === undefined ? {} : { observedGeneration: generation };
}
