import { type FieldError, field, type ObjectMeta } from "../apimachinery/index.ts";

/** Finalizers of the system itself; everybody else's have a domain. */
const standard: ReadonlySet<string> = new Set(["kubernetes", "orphan", "foregroundDeletion"]);

/** What built-in kinds ask of finalizers beyond their form: upstream's validateKubeFinalizerName. */
export function finalizerProblems({ finalizers = [] }: ObjectMeta): FieldError[] {
  return finalizers.flatMap((name, i) => {
    if (name.includes("/") || standard.has(name)) return [];
    const detail = "name is neither a standard finalizer name nor is it fully qualified";
    return [field.invalid(`metadata.finalizers[${i}]`, name, detail)];
  });
}
