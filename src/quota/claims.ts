import { compareQuantities, type KubeObject, type Quantity } from "../apimachinery/index.ts";
import type { Evaluator } from "./evaluator.ts";
import { one, readResources } from "./resource-list.ts";
import { matchesValues } from "./scopes.ts";

const suffix = ".storageclass.storage.k8s.io/";
const plain = ["persistentvolumeclaims", "requests.storage"];
const count = "count/persistentvolumeclaims";
const classAnnotation = "volume.beta.kubernetes.io/storage-class";

export const claimEvaluator: Evaluator = {
  handles: ({ operation, subresource }) => {
    if (subresource === "status") return operation === "UPDATE";
    return subresource === "" && (operation === "CREATE" || operation === "UPDATE");
  },
  matching: (wanted) =>
    wanted.filter(
      (name) => name === count || plain.some((each) => name === each || name.endsWith(suffix + each)),
    ),
  usage: (claim) => {
    const used = new Map([
      ["persistentvolumeclaims", one],
      [count, one],
    ]);
    const storageClass =
      claim.metadata.annotations?.[classAnnotation] ?? claim["spec"]?.storageClassName ?? "";
    if (storageClass !== "") used.set(`${storageClass}${suffix}persistentvolumeclaims`, one);
    const storage = storageOf(claim);
    if (storage === undefined) return used;
    used.set("requests.storage", storage);
    if (storageClass !== "") used.set(`${storageClass}${suffix}requests.storage`, storage);
    return used;
  },
  inScope: (scope, claim) => {
    if (scope.scopeName !== "VolumeAttributesClass") return false;
    const names = attributesClasses(claim);
    if (scope.operator === "Exists") return names.length > 0;
    if (names.length === 0) return matchesValues(scope, undefined);
    return names.some((name) => matchesValues(scope, name));
  },
};

/** What was asked for or, where more has been given already, that. */
function storageOf(claim: KubeObject): Quantity | undefined {
  const asked = readResources(claim["spec"]?.resources?.requests).get("storage");
  const given = readResources(claim["status"]?.allocatedResources).get("storage");
  if (asked === undefined || given === undefined) return asked;
  return compareQuantities(given, asked) > 0 ? given : asked;
}

function attributesClasses(claim: KubeObject): string[] {
  const names = [
    claim["spec"]?.volumeAttributesClassName,
    claim["status"]?.currentVolumeAttributesClassName,
    claim["status"]?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(names.filter((name): name is string => typeof name === "string" && name !== ""))];
}
