import type { KubeObject } from "../../apimachinery/index.ts";

/** Names of what a pod needs from its namespace. */
export interface PodReferences {
  readonly secrets: ReadonlySet<string>;
  readonly configMaps: ReadonlySet<string>;
  readonly claims: ReadonlySet<string>;
  /** "" for none. */
  readonly serviceAccount: string;
}

// biome-ignore lint/suspicious/noExplicitAny: a stored pod: the schema has checked its fields.
type Fields = any;

const mirrorAnnotation = "kubernetes.io/config.mirror";

/** A pod that a node runs on its own account and only shows. */
export function isMirrorPod({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[mirrorAnnotation] !== undefined;
}

/** k8s.io/kubernetes/pkg/api/v1/pod VisitPodSecretNames and its siblings. */
export function podReferences(pod: KubeObject): PodReferences {
  const spec: Fields = pod["spec"] ?? {};
  const secrets = new Set<string>();
  const configMaps = new Set<string>();
  const claims = new Set<string>();
  const add = (to: Set<string>, name: string | undefined): void => {
    if (name) to.add(name);
  };
  for (const { name } of spec.imagePullSecrets ?? []) add(secrets, name);
  const containers = [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  for (const { env, envFrom } of containers as Fields[]) {
    for (const { valueFrom } of env ?? []) {
      add(secrets, valueFrom?.secretKeyRef?.name);
      add(configMaps, valueFrom?.configMapKeyRef?.name);
    }
    for (const { secretRef, configMapRef } of envFrom ?? []) {
      add(secrets, secretRef?.name);
      add(configMaps, configMapRef?.name);
    }
  }
  for (const volume of (spec.volumes ?? []) as Fields[]) {
    add(secrets, volume.secret?.secretName);
    add(configMaps, volume.configMap?.name);
    for (const source of volume.projected?.sources ?? []) {
      add(secrets, source.secret?.name);
      add(configMaps, source.configMap?.name);
    }
    for (const name of volumeSecrets(volume)) add(secrets, name);
    add(claims, claimOf(pod, volume));
  }
  return { secrets, configMaps, claims, serviceAccount: spec.serviceAccountName ?? "" };
}

/** The claim behind a volume: named, or made for the pod alone. */
export function claimOf(pod: KubeObject, volume: Fields): string | undefined {
  if (volume.ephemeral !== undefined) return `${pod.metadata.name}-${volume.name}`;
  return volume.persistentVolumeClaim?.claimName;
}

/** Secrets that kinds of storage need on the node: of a pod's volume, or of a PersistentVolume's spec. */
export function volumeSecrets(volume: Fields): (string | undefined)[] {
  const { azureFile, cephfs, cinder, csi, flexVolume, iscsi, rbd, scaleIO, storageos } = volume;
  return [
    azureFile?.secretName,
    ...[cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos].map((source) => source?.secretRef?.name),
    ...[csi?.nodePublishSecretRef, csi?.nodeStageSecretRef, csi?.nodeExpandSecretRef].map(
      (reference) => reference?.name,
    ),
  ];
}
