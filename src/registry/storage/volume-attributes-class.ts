import type { FieldError, KubeObject } from "../../apimachinery/index.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { fixed, validateParameters, validateProvisioner } from "./class-rules.ts";

/** storage.k8s.io/v1 VolumeAttributesClass: what of a volume may be changed while it is used. */
interface VolumeAttributesClass extends KubeObject {
  driverName?: string;
  parameters?: Record<string, string>;
}

export const volumeAttributesClassStrategy: Strategy<VolumeAttributesClass> = {
  namespaced: false,
  metadataOnUpdate: ["changes", "object"],
  returnDeletedObject: true,
  validate,
  validateUpdate: (next, old) => [
    ...fixed("driverName", next.driverName ?? "", old.driverName ?? ""),
    ...fixed("parameters", next.parameters ?? {}, old.parameters ?? {}),
    ...validate(next),
  ],
  tableRow: (attributes, now) => [nameOf(attributes), attributes.driverName ?? "", age(attributes, now)],
};

function validate({ driverName = "", parameters = {} }: VolumeAttributesClass): FieldError[] {
  return [
    ...validateProvisioner(driverName, "driverName"),
    ...validateParameters(parameters, { mayBeEmpty: false }),
  ];
}
