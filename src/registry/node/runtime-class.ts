import {
  deepEqual,
  type FieldError,
  field,
  type KubeObject,
  nameIsDnsLabel,
  validateLabels,
} from "../../apimachinery/index.ts";
import { internalForm } from "../../schema/index.ts";
import { deprecatedLabelWarning } from "../core/node-labels.ts";
import { validateResources } from "../core/pod/resources.ts";
import { validateTolerations } from "../core/pod/scheduling.ts";
import type { Toleration } from "../core/pod/types.ts";
import { complaints, immutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

/** node.k8s.io/v1 RuntimeClass: how a node runs containers of this class. */
interface RuntimeClass extends KubeObject {
  handler?: string;
  overhead?: { podFixed?: Record<string, string> };
  scheduling?: { nodeSelector?: Record<string, string>; tolerations?: Toleration[] | null };
}

export const runtimeClassStrategy: Strategy<RuntimeClass> = {
  namespaced: false,
  metadataOnUpdate: ["object", "changes"],
  anyFinalizer: true,
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  validate,
  validateUpdate: (next, old) => [
    ...validate(next),
    ...immutable("handler", next.handler ?? "", old.handler ?? ""),
  ],
  warnings,
  warningsOnUpdate: warnings,
  tableRow: (runtimeClass, now) => [nameOf(runtimeClass), runtimeClass.handler ?? "", age(runtimeClass, now)],
};

function validate({ handler = "", overhead, scheduling }: RuntimeClass): FieldError[] {
  const errors = complaints("handler", handler, nameIsDnsLabel(handler, false));
  if (overhead !== undefined)
    errors.push(...validateResources({ limits: overhead.podFixed ?? {} }, "overhead", []));
  if (scheduling === undefined) return errors;
  errors.push(...validateLabels(scheduling.nodeSelector, "scheduling.nodeSelector"));
  return [...errors, ...validateTolerationList(scheduling.tolerations ?? [], "scheduling.tolerations")];
}

/** Unlike a pod's, no two may be the same. */
function validateTolerationList(tolerations: readonly Toleration[], path: string): FieldError[] {
  const repeats = tolerations.flatMap((toleration, i) => {
    if (!tolerations.slice(0, i).some((other) => deepEqual(other, toleration))) return [];
    return [field.duplicate(`${path}[${i}]`, internalForm("Toleration", toleration))];
  });
  return [...validateTolerations(tolerations, path), ...repeats];
}

function warnings({ scheduling }: RuntimeClass): string[] {
  return Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => {
    const text = deprecatedLabelWarning(key);
    return text === undefined ? [] : [`scheduling.nodeSelector: ${text}`];
  });
}
