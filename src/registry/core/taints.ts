import { type FieldError, field, labelValueErrors, qualifiedNameErrors } from "../../apimachinery/index.ts";
import { complaints, oneOf } from "../rules/values.ts";

export interface Taint {
  key: string;
  value?: string;
  effect: string;
  timeAdded?: string;
}

/** In the order that upstream tells them. */
export const taintEffects = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;

export function validateTaints(taints: readonly Taint[], path: string): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, i) => {
    const at = `${path}[${i}]`;
    const { key = "", value = "", effect = "", timeAdded = null } = taint;
    const errors = complaints(`${at}.key`, key, qualifiedNameErrors(key));
    const valueErrors = labelValueErrors(value);
    if (valueErrors.length > 0) errors.push(field.invalid(`${at}.value`, value, valueErrors.join(";")));
    errors.push(...oneOf(`${at}.effect`, effect, taintEffects));
    const identity = `${effect}\0${key}`;
    if (seen.has(identity)) {
      // Upstream prints its internal form.
      const shown = { Key: key, Value: value, Effect: effect, TimeAdded: timeAdded };
      errors.push({ ...field.duplicate(at, shown), detail: "taints must be unique by key and effect pair" });
    }
    seen.add(identity);
    return errors;
  });
}
