import { type FieldError, field } from "../../../apimachinery/index.ts";

/** How a volume may be mounted, in short as tables show it, in their order. */
const shortNames: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

const modes = Object.keys(shortNames).sort();
const alone = "ReadWriteOncePod";

export const volumeModes: readonly string[] = ["Block", "Filesystem"];

export function accessModesCell(given: readonly string[] | null | undefined): string {
  return Object.entries(shortNames)
    .filter(([mode]) => given?.includes(mode))
    .map(([, short]) => short)
    .join(",");
}

export function validateAccessModes(
  given: readonly string[] | null | undefined,
  path: string,
  detail: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!given || given.length === 0) errors.push(field.required(path, detail));
  for (const mode of given ?? []) {
    if (!modes.includes(mode)) errors.push(field.notSupported(path, mode, modes));
  }
  const others = given?.some((mode) => mode !== alone && modes.includes(mode)) ?? false;
  if (given?.includes(alone) && others)
    errors.push(field.forbidden(path, `may not use ${alone} with other access modes`));
  return errors;
}
