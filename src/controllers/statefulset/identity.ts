import type { KubeObject } from "../../apimachinery/index.ts";
import { controllerReference } from "../owners.ts";

/** What makes a pod of a StatefulSet the same one after it was replaced: its name, its host name and its claims. */

const podNameLabel = "statefulset.kubernetes.io/pod-name";
const podIndexLabel = "apps.kubernetes.io/pod-index";
const revisionLabel = "controller-revision-hash";

/** `db-3` → 3; -1 where the name is not of this set. */
export function ordinalOf(set: KubeObject, pod: KubeObject): number {
  const name = pod.metadata.name as string;
  const prefix = `${set.metadata.name}-`;
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  return /^(0|[1-9]\d{0,8})$/.test(rest) ? Number(rest) : -1;
}

export function revisionOf(pod: KubeObject): string {
  return pod.metadata.labels?.[revisionLabel] ?? "";
}

interface ClaimTemplate extends KubeObject {
  metadata: KubeObject["metadata"];
}

function claimTemplates(set: KubeObject): ClaimTemplate[] {
  return (set.spec.volumeClaimTemplates ?? []) as ClaimTemplate[];
}

function claimName(set: KubeObject, template: ClaimTemplate, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** The claims of one pod, as they are made when missing. */
export function claimsOf(set: KubeObject, ordinal: number): KubeObject[] {
  return claimTemplates(set).map((template) => {
    const { labels, annotations } = template.metadata;
    return {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: claimName(set, template, ordinal),
        namespace: set.metadata.namespace as string,
        labels: { ...labels, ...set.spec.selector?.matchLabels },
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: template.spec,
    };
  });
}

export function podOf(
  set: KubeObject,
  ordinal: number,
  revision: { readonly name: string; readonly template: KubeObject },
): KubeObject {
  const { metadata, spec } = revision.template;
  const name = `${set.metadata.name}-${ordinal}`;
  const claims = claimTemplates(set);
  const claimed = new Set(claims.map((template) => template.metadata.name));
  const volumes = [
    ...claims.map((template) => ({
      name: template.metadata.name,
      persistentVolumeClaim: { claimName: claimName(set, template, ordinal), readOnly: false },
    })),
    ...((spec.volumes ?? []) as { name: string }[]).filter((volume) => !claimed.has(volume.name)),
  ];
  const { annotations, finalizers } = metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace as string,
      labels: {
        ...metadata?.labels,
        [podNameLabel]: name,
        [podIndexLabel]: String(ordinal),
        [revisionLabel]: revision.name,
      },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(set, "apps/v1", "StatefulSet")],
    },
    spec: {
      ...spec,
      hostname: name,
      ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  };
}
