import { type FieldError, field } from "../../../apimachinery/index.ts";

/** Paths on a node or inside of a volume, with upstream's texts. */

/** No step of the path leads up; said once however many do. */
export function withoutBacksteps(value: string, path: string): FieldError[] {
  if (!value.split("/").includes("..")) return [];
  return [field.invalid(path, value, "must not contain '..'")];
}

/** A path that leads down from where it is applied; "" stays there. */
export function descendingPath(value: string, path: string): FieldError[] {
  const errors = value.startsWith("/") ? [field.invalid(path, value, "must be a relative path")] : [];
  return [...errors, ...withoutBacksteps(value, path)];
}

/** A file inside of a volume; what starts with two dots belongs to the node, which swaps contents by it. */
export function localPath(value: string, path: string): FieldError[] {
  const errors = descendingPath(value, path);
  if (value.startsWith("..") && !value.startsWith("../"))
    errors.push(field.invalid(path, value, "must not start with '..'"));
  return errors;
}
