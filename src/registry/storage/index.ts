import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { csiDriverStrategy } from "./csi-driver.ts";
import { csiNodeStrategy } from "./csi-node.ts";
import { csiStorageCapacityStrategy } from "./csi-storage-capacity.ts";
import { storageClassStrategy } from "./storage-class.ts";
import { volumeAttachmentStrategy } from "./volume-attachment.ts";
import { volumeAttributesClassStrategy } from "./volume-attributes-class.ts";

/** storage.k8s.io/v1. */
export const storageV1: ServedVersion = {
  group: "storage.k8s.io",
  version: "v1",
  resources: {
    csidrivers: ofAnyKind(csiDriverStrategy),
    csinodes: ofAnyKind(csiNodeStrategy),
    csistoragecapacities: ofAnyKind(csiStorageCapacityStrategy),
    storageclasses: ofAnyKind(storageClassStrategy),
    volumeattachments: ofAnyKind(volumeAttachmentStrategy),
    volumeattributesclasses: ofAnyKind(volumeAttributesClassStrategy),
  },
};
