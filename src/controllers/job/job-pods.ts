import type { KubeObject } from "../../apimachinery/index.ts";
import { type Client, type EventRecorder, errorText } from "../../client/index.ts";
import { controllerReference, isNamespaceTerminating } from "../owners.ts";
import type { Expectations } from "../replicaset/expectations.ts";
import { inNamespace, pods as podResource } from "../resources.ts";
import { failureAnnotations } from "./failure-policy.ts";
import { completionIndexAnnotation } from "./indexes.ts";
import { trackingFinalizers } from "./tally.ts";

/**
 * Makes pods one after the other, so that a template which the server refuses costs one request. Resolves to how many were made, and with
 * why that is not all.
 */
export async function createJobPods(options: {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly expectations: Expectations;
  readonly job: KubeObject;
  /** The failed pods whose place others take, by index. */
  readonly replaced: ReadonlyMap<number, KubeObject>;
  readonly count: number;
  /** Of an Indexed Job: which. */
  readonly indexes: readonly number[] | undefined;
}): Promise<{ readonly made: number; readonly error?: unknown }> {
  const { client, recorder, expectations, job, replaced, count, indexes } = options;
  const uid = job.metadata.uid as string;
  const scope = inNamespace(podResource, job.metadata.namespace);
  expectations.expectCreations(uid, count);
  for (let made = 0; made < count; made++) {
    try {
      const created = await client.create(scope, podOf(job, replaced, indexes?.[made]));
      recorder.event(job, "Normal", "SuccessfulCreate", `Created pod: ${created.metadata.name}`);
    } catch (error) {
      // What failed and what was not tried will never be seen by the informer.
      for (let missing = made; missing < count; missing++) expectations.created(uid);
      if (isNamespaceTerminating(error)) return { made };
      recorder.event(job, "Warning", "FailedCreate", `Error creating: ${errorText(error)}`);
      return { made, error };
    }
  }
  return { made: count };
}

interface ContainerWithEnv {
  env?: { name: string; [field: string]: unknown }[];
}

function podOf(
  job: KubeObject,
  replaced: ReadonlyMap<number, KubeObject>,
  index: number | undefined,
): KubeObject {
  const { metadata: template = {}, spec } = job.spec.template as KubeObject;
  const { labels, annotations, finalizers = [] } = template as KubeObject["metadata"];
  const name = job.metadata.name as string;
  const text = String(index);
  const failuresBefore = index === undefined ? {} : failureAnnotations(job, replaced.get(index));
  const indexEntry = index === undefined ? {} : { [completionIndexAnnotation]: text };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: index === undefined ? `${name}-` : `${name}-${index}-`,
      namespace: job.metadata.namespace as string,
      labels: { ...labels, ...indexEntry },
      ...(annotations === undefined && index === undefined
        ? {}
        : { annotations: { ...annotations, ...indexEntry, ...failuresBefore } }),
      finalizers: [...finalizers, ...trackingFinalizers],
      ownerReferences: [controllerReference(job, "batch/v1", "Job")],
    },
    spec: index === undefined ? spec : indexedSpec(spec, `${name}-${index}`),
  };
}

const indexVariable = {
  name: "JOB_COMPLETION_INDEX",
  valueFrom: { fieldRef: { fieldPath: `metadata.labels['${completionIndexAnnotation}']` } },
};

/** The pod is a host of its own, and its containers know which index they work on. */
function indexedSpec(spec: KubeObject["spec"], hostname: string): KubeObject["spec"] {
  const withIndex = (container: ContainerWithEnv): ContainerWithEnv =>
    container.env?.some(({ name }) => name === indexVariable.name)
      ? container
      : { ...container, env: [...(container.env ?? []), indexVariable] };
  return {
    ...spec,
    hostname,
    containers: (spec.containers as ContainerWithEnv[]).map(withIndex),
    ...(spec.initContainers === undefined
      ? {}
      : { initContainers: (spec.initContainers as ContainerWithEnv[]).map(withIndex) }),
  };
}
