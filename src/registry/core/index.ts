import { coreEventStrategy } from "../events/event.ts";
import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { configMapStrategy } from "./config-map.ts";
import { endpointsStrategy } from "./endpoints.ts";
import { limitRangeStrategy } from "./limit-range.ts";
import { namespaceStrategy } from "./namespace.ts";
import { nodeStrategy } from "./node.ts";
import { podStrategy } from "./pod/strategy.ts";
import { podTemplateStrategy } from "./pod-template.ts";
import { replicationControllerStrategy } from "./replication-controller.ts";
import { resourceQuotaStrategy } from "./resource-quota.ts";
import { secretStrategy } from "./secret.ts";
import { serviceStrategy } from "./service/strategy.ts";
import { serviceAccountStrategy } from "./service-account.ts";
import { persistentVolumeStrategy } from "./volume/persistent-volume.ts";
import { persistentVolumeClaimStrategy } from "./volume/persistent-volume-claim.ts";

/** The core group. */
export const coreV1: ServedVersion = {
  group: "",
  version: "v1",
  resources: {
    configmaps: ofAnyKind(configMapStrategy),
    endpoints: endpointsStrategy,
    events: coreEventStrategy,
    limitranges: ofAnyKind(limitRangeStrategy),
    namespaces: ofAnyKind(namespaceStrategy),
    nodes: ofAnyKind(nodeStrategy),
    persistentvolumeclaims: ofAnyKind(persistentVolumeClaimStrategy),
    persistentvolumes: ofAnyKind(persistentVolumeStrategy),
    pods: ofAnyKind(podStrategy),
    podtemplates: ofAnyKind(podTemplateStrategy),
    replicationcontrollers: ofAnyKind(replicationControllerStrategy),
    resourcequotas: ofAnyKind(resourceQuotaStrategy),
    secrets: ofAnyKind(secretStrategy),
    serviceaccounts: serviceAccountStrategy,
    services: serviceStrategy,
  },
};
