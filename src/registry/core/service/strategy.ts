import { nameIsDns1035Label } from "../../../apimachinery/index.ts";
import { ofAnyKind, type StrategySource } from "../../strategies.ts";
import type { Strategy } from "../../strategy.ts";
import { ServiceAllocator } from "./allocator.ts";
import { serviceRow } from "./table.ts";
import { needsClusterIp, type Service, type ServiceStatus } from "./types.ts";
import { alignClusterIps, dropUnneeded, keepAllocated, withAddressList } from "./update-fields.ts";
import { validateService, validateServiceStatus } from "./validate.ts";
import { validateServiceUpdate } from "./validate-update.ts";
import { serviceWarnings } from "./warnings.ts";

const noStatus: ServiceStatus = { loadBalancer: {} };

/** Services: checked as upstream does, with addresses and ports from one allocator for all servers. */
export const serviceStrategy: StrategySource = (deps) => {
  const allocator = new ServiceAllocator(deps);
  const strategy: Strategy<Service> = {
    namespaced: true,
    allowCreateOnUpdate: true,
    validateName: nameIsDns1035Label,
    prepareForCreate: (service) => {
      service.status = noStatus;
      alignClusterIps(service, undefined);
      return service;
    },
    prepareForUpdate: (next, stored) => {
      const old = withAddressList(stored);
      next.status = old.status ?? noStatus;
      keepAllocated(next, old);
      alignClusterIps(next, old);
      dropUnneeded(next, old);
      return next;
    },
    beginCreate: (service, context) => allocator.onCreate(service, context),
    beginUpdate: (next, old, context) => allocator.onUpdate(next, withAddressList(old), context),
    afterDelete: (service) => allocator.onDelete(service),
    // Once it was given to every Service: clients that still send it to one of these mean nothing by it.
    canonicalize: (service) => {
      if (!needsClusterIp(service)) delete service.spec.internalTrafficPolicy;
      return service;
    },
    validate: (service) => validateService(service),
    validateUpdate: (next, old) => validateServiceUpdate(next, withAddressList(old)),
    warnings: serviceWarnings,
    warningsOnUpdate: serviceWarnings,
    returnDeletedObject: true,
    selectableFields: {
      "spec.clusterIP": ({ spec }) => spec.clusterIP ?? "",
      "spec.type": ({ spec }) => spec.type ?? "",
    },
    status: {
      prepareForUpdate: (next, old) => {
        next.spec = old.spec;
        return next;
      },
      validateUpdate: validateServiceStatus,
      resetFields: [["spec"]],
    },
    resetFields: [["status"]],
    tableRow: serviceRow,
  };
  return ofAnyKind(strategy);
};
