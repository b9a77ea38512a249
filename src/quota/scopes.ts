import type { Scope } from "./evaluator.ts";

/** Whether the values of a scope's selector let a name through; undefined: the object has none. */
export function matchesValues({ operator, values = [] }: Scope, name: string | undefined): boolean {
  switch (operator) {
    case "In":
      return name !== undefined && values.includes(name);
    case "NotIn":
      return name === undefined || !values.includes(name);
    case "Exists":
      return name !== undefined;
    case "DoesNotExist":
      return name === undefined;
    default:
      return false;
  }
}
