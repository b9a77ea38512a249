import { addQuantities, type KubeObject, type Quantity } from "../apimachinery/index.ts";
import type { Evaluator } from "./evaluator.ts";
import { maxResources, one, type ResourceList } from "./resource-list.ts";

const classSuffix = ".deviceclass.resource.k8s.io/devices";
const count = "count/resourceclaims.resource.k8s.io";
/** Devices that a claim can be given at most: what one that asks for all of a class counts as. */
const devicesMax = 32n;
const nanosPerDevice = 1_000_000_000n;

/** ResourceClaims: their number, and the devices of each class that they may be given. */
export const deviceClaimEvaluator: Evaluator = {
  handles: ({ operation, subresource }) =>
    subresource === "" && (operation === "CREATE" || operation === "UPDATE"),
  matching: (wanted) => wanted.filter((name) => name === count || name.endsWith(classSuffix)),
  usage: (claim) => {
    const used = new Map([[count, one]]);
    for (const request of requestsOf(claim)) {
      for (const [name, devices] of devicesOf(request)) {
        const present = used.get(name);
        used.set(name, present === undefined ? devices : addQuantities(present, devices));
      }
    }
    return used;
  },
  inScope: () => false,
};

interface Wish {
  readonly deviceClassName?: string;
  readonly allocationMode?: string;
  readonly count?: number;
}

interface DeviceRequest {
  readonly exactly?: Wish;
  readonly firstAvailable?: readonly Wish[];
}

const requestsOf = (claim: KubeObject): readonly DeviceRequest[] => claim["spec"]?.devices?.requests ?? [];

/** By the class's name in a quota. Of alternatives each class counts as the one that takes most of it. */
function devicesOf({ exactly, firstAvailable = [] }: DeviceRequest): ResourceList {
  const wishes = firstAvailable.length > 0 || exactly === undefined ? firstAvailable : [exactly];
  return wishes
    .map((wish): ResourceList => new Map([[`${wish.deviceClassName ?? ""}${classSuffix}`, amountOf(wish)]]))
    .reduce(maxResources, new Map());
}

/** None for a mode that is not known. */
function amountOf({ allocationMode, count = 0 }: Wish): Quantity {
  const devices =
    allocationMode === "All" ? devicesMax : allocationMode === "ExactCount" ? BigInt(count) : 0n;
  return { nano: devices * nanosPerDevice, format: "DecimalSI" };
}
