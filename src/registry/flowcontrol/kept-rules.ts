import { countWanted } from "../rules/replicas.ts";
import type { Strategy } from "../strategy.ts";
import { type FlowSchema, type PriorityLevelConfiguration, validateFlowStatus } from "./types.ts";

/** What both kinds do alike: the status is written apart, and whoever writes it changes nothing else. */
export function keptRules<T extends FlowSchema | PriorityLevelConfiguration>(): Pick<
  Strategy<T>,
  "prepareForCreate" | "prepareForUpdate" | "resetFields" | "status"
> {
  return {
    prepareForCreate: (object) => {
      object.status = {};
      object.metadata.generation = 1;
      return object;
    },
    prepareForUpdate: (next, old) => {
      next.status = old.status ?? {};
      return countWanted(next, old);
    },
    resetFields: [["status"]],
    status: {
      prepareForUpdate: (next, old) => {
        const { managedFields } = next.metadata;
        next.metadata = { ...old.metadata, ...(managedFields && { managedFields }) };
        next.spec = old.spec;
        return next;
      },
      validateUpdate: (next) => validateFlowStatus(next),
      resetFields: [["metadata"], ["spec"]],
    },
  };
}
