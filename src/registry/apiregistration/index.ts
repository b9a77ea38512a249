import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { apiService } from "./api-service.ts";

export const apiregistrationV1: ServedVersion = {
  group: "apiregistration.k8s.io",
  version: "v1",
  resources: { apiservices: ofAnyKind(apiService) },
};
