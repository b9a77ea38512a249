import type { FieldError } from "../../apimachinery/index.ts";
import { countWanted } from "../rules/replicas.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { loadDeviceExpressions } from "./device-expressions.ts";
import { validateConfigs, validateSelectors } from "./device-rules.ts";
import type { DeviceClass } from "./types.ts";

export const deviceClassStrategy: Strategy<DeviceClass> = {
  namespaced: false,
  metadataOnUpdate: ["changes", "changes"],
  prepareForCreate: (deviceClass) => {
    deviceClass.metadata.generation = 1;
    return dropAlphaFields(deviceClass);
  },
  prepareForUpdate: (next, old) => countWanted(dropAlphaFields(next), old),
  beginCreate: loadDeviceExpressions,
  beginUpdate: loadDeviceExpressions,
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }) => validateSpec(spec),
  returnDeletedObject: true,
  tableRow: (deviceClass, now) => [nameOf(deviceClass), age(deviceClass, now)],
};

/** Upstream leaves out what belongs to features that are off by default. */
function dropAlphaFields(deviceClass: DeviceClass): DeviceClass {
  const { extendedResourceName: _, ...spec } = deviceClass.spec;
  return { ...deviceClass, spec };
}

function validateSpec({ selectors = [], config = [] }: DeviceClass["spec"]): FieldError[] {
  return [...validateSelectors(selectors, "spec.selectors"), ...validateConfigs(config, "spec.config")];
}
