import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { storageClassStrategy } from "./storage-class.ts";

/** storage.k8s.io/v1. */
export const storageV1: ServedVersion = {
  group: "storage.k8s.io",
  version: "v1",
  resources: { storageclasses: ofAnyKind(storageClassStrategy) },
};
