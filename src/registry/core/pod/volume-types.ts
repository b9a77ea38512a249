import type { LabelSelector } from "../../../apimachinery/index.ts";
import type { ClaimTemplate } from "../volume/claim-spec.ts";

/** The parts of a pod's volumes that its rules look at. */

export interface Volume {
  name: string;
  emptyDir?: { sizeLimit?: string };
  hostPath?: { path?: string; type?: string };
  secret?: { secretName?: string; items?: KeyToPath[]; defaultMode?: number };
  configMap?: { name?: string; items?: KeyToPath[]; defaultMode?: number };
  persistentVolumeClaim?: { claimName?: string };
  nfs?: { server?: string; path?: string };
  gitRepo?: { repository?: string; directory?: string };
  image?: { reference?: string; pullPolicy?: string };
  ephemeral?: { volumeClaimTemplate?: ClaimTemplate };
  downwardAPI?: { items?: DownwardFile[]; defaultMode?: number };
  projected?: { sources?: ProjectedSource[] | null; defaultMode?: number };
  csi?: { driver?: string; nodePublishSecretRef?: { name?: string } };
  [source: string]: unknown;
}

export interface KeyToPath {
  key?: string;
  path?: string;
  mode?: number;
}

export interface DownwardFile {
  path?: string;
  fieldRef?: ObjectFieldSelector;
  resourceFieldRef?: ResourceFieldSelector;
  mode?: number;
}

export interface ProjectedSource {
  secret?: { name?: string; items?: KeyToPath[] };
  configMap?: { name?: string; items?: KeyToPath[] };
  downwardAPI?: { items?: DownwardFile[] };
  serviceAccountToken?: { path?: string; expirationSeconds?: number };
  clusterTrustBundle?: { name?: string; signerName?: string; labelSelector?: LabelSelector; path?: string };
  [source: string]: unknown;
}

/** A field of the pod, as text. */
export interface ObjectFieldSelector {
  apiVersion?: string;
  fieldPath: string;
}

export interface ResourceFieldSelector {
  containerName?: string;
  resource: string;
  divisor?: string;
}
