import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import type { Strategy } from "../strategy.ts";
import { containerCells, formatLabels, nameOf } from "../tables/cells.ts";
import { dropDisabledFields } from "./pod/disabled-fields.ts";
import { validatePodTemplate } from "./pod/pod-spec.ts";
import type { PodTemplate } from "./pod/types.ts";
import { podWarnings } from "./pod/warnings.ts";

interface PodTemplateObject extends KubeObject {
  template?: PodTemplate;
}

/** A pod template as an object of its own; nothing in upstream uses it any more. */
export const podTemplateStrategy: Strategy<PodTemplateObject> = {
  namespaced: true,
  prepareForCreate: (object) => {
    dropDisabledFields(object.template?.spec);
    object.metadata.generation = 1;
    return object;
  },
  prepareForUpdate: (next, old) => {
    dropDisabledFields(next.template?.spec);
    const changed = !deepEqual(next.template, old.template);
    next.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
    return next;
  },
  validate: ({ template }) => validatePodTemplate(template ?? {}, "template"),
  validateUpdate: ({ template }) => validatePodTemplate(template ?? {}, "template"),
  warnings: ({ template }) => podWarnings(template ?? {}, "template."),
  warningsOnUpdate: ({ template }) => podWarnings(template ?? {}, "template."),
  returnDeletedObject: true,
  tableRow: (object) => [
    nameOf(object),
    ...containerCells(object.template?.spec),
    formatLabels(object.template?.metadata?.labels),
  ],
};
