import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, keyOf } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { controllerOf, controllerReference } from "../owners.ts";
import { isPodTerminal } from "../pods.ts";
import { inNamespace, isTerminating, persistentVolumeClaims, pods as podResource } from "../resources.ts";

/** Makes the claims of a pod's ephemeral volumes, which go with the pod: k8s.io/kubernetes/pkg/controller/volume/ephemeral. */
export const ephemeralVolumeController: ControllerDescriptor = {
  name: "ephemeral-volume-controller",
  aliases: ["ephemeral-volume"],
  create,
};

interface EphemeralVolume {
  name: string;
  ephemeral?: {
    volumeClaimTemplate?: { metadata?: KubeObject["metadata"]; spec: object };
  };
}

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers } = context;
  const pods = informers.informer(podResource);
  const claims = informers.informer(persistentVolumeClaims);
  const recorder = context.recorder("ephemeral_volume");
  const queue = createWorkqueue({ name: "ephemeral volumes", clock, log, process });
  const notice = (pod: KubeObject): void => {
    if (ephemeralOf(pod).length > 0) queue.add(keyOf(pod));
  };
  pods.addHandler({ add: notice });
  // A claim that somebody deleted is made again.
  claims.addHandler({
    delete({ metadata }) {
      const owner = metadata.ownerReferences?.find(({ kind, controller }) => kind === "Pod" && controller);
      if (owner !== undefined) queue.add(`${metadata.namespace}/${owner.name}`);
    },
  });

  async function process(key: string): Promise<void> {
    const pod = pods.lister.getByKey(key);
    if (pod === undefined || isTerminating(pod) || isPodTerminal(pod)) return;
    for (const volume of ephemeralOf(pod)) {
      try {
        await ensureClaim(pod, volume);
      } catch (error) {
        const message = `ephemeral volume ${volume.name}: ${errorText(error)}`;
        recorder.event(pod, "Warning", "FailedBinding", message);
        throw error;
      }
    }
  }

  async function ensureClaim(pod: KubeObject, { name, ephemeral }: EphemeralVolume): Promise<void> {
    const { namespace } = pod.metadata;
    const claimName = `${pod.metadata.name}-${name}`;
    const present = claims.lister.get(namespace, claimName);
    if (present !== undefined) {
      if (controllerOf(present)?.uid === pod.metadata.uid) return;
      throw new Error(notMadeFor(present, pod));
    }
    const { labels, annotations } = ephemeral?.volumeClaimTemplate?.metadata ?? {};
    try {
      await client.create(inNamespace(persistentVolumeClaims, namespace), {
        metadata: {
          name: claimName,
          ...(labels && { labels }),
          ...(annotations && { annotations }),
          ownerReferences: [controllerReference(pod, "v1", "Pod")],
        },
        spec: ephemeral?.volumeClaimTemplate?.spec,
      });
    } catch (error) {
      throw new Error(`create PVC ${claimName}: ${errorText(error)}`);
    }
  }

  return { run: () => workUntil(signal, queue) };
}

/** Somebody else's claim has the name that the pod's own would have. */
export function notMadeFor(claim: KubeObject, pod: KubeObject): string {
  const { namespace } = pod.metadata;
  return `PVC ${namespace}/${claim.metadata.name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
}

function ephemeralOf(pod: KubeObject): EphemeralVolume[] {
  return ((pod.spec?.volumes ?? []) as EphemeralVolume[]).filter(({ ephemeral }) => ephemeral !== undefined);
}
