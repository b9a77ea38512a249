/** Which volume a claim gets: k8s.io/component-helpers/storage/volume. */
import {
  compareQuantities,
  type KubeObject,
  type LabelSelector,
  parseQuantity,
  type Selector,
  SelectorError,
  selectorFromObject,
} from "../../apimachinery/index.ts";
import { isTerminating } from "../resources.ts";

export const bindCompleted = "pv.kubernetes.io/bind-completed";
export const boundByController = "pv.kubernetes.io/bound-by-controller";
export const selectedNode = "volume.kubernetes.io/selected-node";
export const provisionedBy = "pv.kubernetes.io/provisioned-by";
const betaClass = "volume.beta.kubernetes.io/storage-class";

export function classOf({ metadata, spec }: KubeObject): string {
  return metadata.annotations?.[betaClass] ?? spec?.storageClassName ?? "";
}

/** The volume is this claim's, or kept for it by name. */
export function isFor(volume: KubeObject, claim: KubeObject): boolean {
  const reference: { namespace?: string; name?: string; uid?: string } | undefined = volume.spec?.claimRef;
  if (reference === undefined) return false;
  const { namespace, name, uid } = claim.metadata;
  if (reference.name !== name || reference.namespace !== namespace) return false;
  return (reference.uid ?? "") === "" || reference.uid === uid;
}

const modeOf = ({ spec }: KubeObject): string => spec?.volumeMode ?? "Filesystem";

export const sizeOf = (text: string | undefined) => parseQuantity(text ?? "0");

const capacityOf = (volume: KubeObject) => sizeOf(volume.spec?.capacity?.storage);

export const requestOf = (claim: KubeObject) => sizeOf(claim.spec?.resources?.requests?.storage);

function offersModes(volume: KubeObject, claim: KubeObject): boolean {
  const offered: string[] = volume.spec?.accessModes ?? [];
  return ((claim.spec?.accessModes ?? []) as string[]).every((mode) => offered.includes(mode));
}

export const sameMode = (volume: KubeObject, claim: KubeObject): boolean => modeOf(volume) === modeOf(claim);

const attributesOf = ({ spec }: KubeObject): string => spec?.volumeAttributesClassName ?? "";

/** Why a volume that the claim names cannot be its own, or undefined. */
export function mismatch(volume: KubeObject, claim: KubeObject): string | undefined {
  if (isTerminating(volume)) return `the volume is marked for deletion "${volume.metadata.name}"`;
  if (compareQuantities(capacityOf(volume), requestOf(claim)) < 0) return "requested PV is too small";
  if (classOf(volume) !== classOf(claim)) return "storageClassName does not match";
  if (attributesOf(volume) !== attributesOf(claim)) return "volumeAttributesClassName does not match";
  if (!sameMode(volume, claim)) return "incompatible volumeMode";
  if (!offersModes(volume, claim)) return "incompatible accessMode";
  return undefined;
}

export interface MatchOptions {
  /** The claim waits for its pod: only a volume that is kept for it will do. */
  readonly delayed?: boolean;
  /** Where the volume must be reachable. */
  readonly reachable?: (volume: KubeObject) => boolean;
  readonly taken?: ReadonlySet<string>;
}

/** The volume that is kept for the claim, else the smallest that will do; undefined: none. */
export function findVolume(
  claim: KubeObject,
  volumes: Iterable<KubeObject>,
  { delayed = false, reachable = () => true, taken }: MatchOptions = {},
): KubeObject | undefined {
  const selector = selectorOf(claim);
  let best: KubeObject | undefined;
  for (const volume of volumes) {
    if (taken?.has(volume.metadata.name ?? "")) continue;
    const kept = isFor(volume, claim);
    if (volume.spec?.claimRef !== undefined && !kept) continue;
    if (compareQuantities(capacityOf(volume), requestOf(claim)) < 0) continue;
    if (!sameMode(volume, claim) || attributesOf(volume) !== attributesOf(claim)) continue;
    if (isTerminating(volume)) continue;
    if (kept) return reachable(volume) ? volume : undefined;
    if (
      delayed ||
      volume.status?.phase !== "Available" ||
      selector?.matches(volume.metadata.labels) === false
    )
      continue;
    if (classOf(volume) !== classOf(claim) || !offersModes(volume, claim) || !reachable(volume)) continue;
    if (best === undefined || isBetter(volume, best)) best = volume;
  }
  return best;
}

/** Smaller, or as large with fewer modes that nobody asked for. */
function isBetter(volume: KubeObject, best: KubeObject): boolean {
  const order = compareQuantities(capacityOf(volume), capacityOf(best));
  if (order !== 0) return order < 0;
  return (volume.spec?.accessModes ?? []).length < (best.spec?.accessModes ?? []).length;
}

function selectorOf(claim: KubeObject): Selector | undefined {
  const selector: LabelSelector | undefined = claim.spec?.selector;
  if (selector === undefined) return undefined;
  try {
    return selectorFromObject(selector);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return selectorFromObject(null);
  }
}
