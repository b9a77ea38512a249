import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { horizontalPodAutoscalerStrategy } from "./horizontal-pod-autoscaler.ts";
import { fromV1, toV1 } from "./v1.ts";

const resources = { horizontalpodautoscalers: ofAnyKind(horizontalPodAutoscalerStrategy) };

/** autoscaling/v2, which is stored. */
export const autoscalingV2: ServedVersion = { group: "autoscaling", version: "v2", resources };

/** autoscaling/v1: the same objects, as older clients know them. */
export const autoscalingV1: ServedVersion = {
  group: "autoscaling",
  version: "v1",
  resources,
  storedAs: {
    horizontalpodautoscalers: {
      resource: { group: "autoscaling", version: "v2", resource: "horizontalpodautoscalers" },
      toStored: fromV1,
      fromStored: toV1,
    },
  },
};
