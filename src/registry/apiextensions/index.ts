import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { customResourceDefinition } from "./definition-strategy.ts";

export const apiextensionsV1: ServedVersion = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resources: { customresourcedefinitions: ofAnyKind(customResourceDefinition) },
};
