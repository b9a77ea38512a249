import { type FieldError, field } from "../../apimachinery/index.ts";
import { customRoot } from "../../schema/index.ts";
import { FieldPathError, fieldPathIn } from "./field-path.ts";
import type { DefinitionVersion, PrinterColumn, Subresources } from "./types.ts";

const columnTypes = ["boolean", "date", "integer", "number", "string"];
const columnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const selectableTypes = new Set(["string", "boolean", "integer"]);
const selectableFieldsMax = 8;

/** additionalPrinterColumns */
export function columnProblems(columns: readonly PrinterColumn[] | undefined, path: string): FieldError[] {
  return (columns ?? []).flatMap((column, index) => oneColumn(column, `${path}[${index}]`));
}

function oneColumn(column: PrinterColumn, path: string): FieldError[] {
  const problems: FieldError[] = [];
  if (!column.name) problems.push(field.required(`${path}.name`, ""));
  const types = `must be one of ${columnTypes.join(",")}`;
  if (!column.type) problems.push(field.required(`${path}.type`, types));
  else if (!columnTypes.includes(column.type))
    problems.push(field.invalid(`${path}.type`, column.type, types));
  if (column.format && !columnFormats.includes(column.format)) {
    const formats = `must be one of ${columnFormats.join(",")}`;
    problems.push(field.invalid(`${path}.format`, column.format, formats));
  }
  if (!column.jsonPath) problems.push(field.required(`${path}.JSONPath`, ""));
  else problems.push(...simplePathProblems(column.jsonPath, `${path}.JSONPath`));
  return problems;
}

function simplePathProblems(text: string, path: string): FieldError[] {
  return text.startsWith(".")
    ? []
    : [field.invalid(path, text, "must be a simple json path starting with .")];
}

/** subresources: where scale finds its numbers. */
export function subresourceProblems(subresources: Subresources | undefined, path: string): FieldError[] {
  const scale = subresources?.scale;
  if (scale === undefined) return [];
  const problems: FieldError[] = [];
  const check = (name: string, text: string, roots: readonly string[], where: string): void => {
    const at = `${path}.scale.${name}`;
    const simple = simplePathProblems(text, at);
    if (simple.length > 0) problems.push(...simple);
    else if (!roots.some((root) => text.startsWith(`${root}.`)))
      problems.push(field.invalid(at, text, `should be a json path under ${where}`));
  };
  for (const [name, root] of [
    ["specReplicasPath", ".spec"],
    ["statusReplicasPath", ".status"],
  ] as const) {
    if (!scale[name]) problems.push(field.required(`${path}.scale.${name}`, ""));
    else check(name, scale[name], [root], root);
  }
  if (scale.labelSelectorPath)
    check("labelSelectorPath", scale.labelSelectorPath, [".spec", ".status"], "either .spec or .status");
  return problems;
}

/** selectableFields: each points to a text, a flag or an integer of the schema, and there are few. */
export function selectableFieldProblems(
  version: DefinitionVersion,
  path: string,
  before: DefinitionVersion | undefined,
): FieldError[] {
  const root = customRoot(version.schema?.openAPIV3Schema);
  const fields = version.selectableFields ?? [];
  const problems: FieldError[] = [];
  const seen = new Set<string>();
  fields.forEach(({ jsonPath }, index) => {
    const at = `${path}[${index}].jsonPath`;
    if (!jsonPath) {
      problems.push(field.required(at, ""));
      return;
    }
    try {
      const found = fieldPathIn(jsonPath, root, { brackets: false });
      if (found.steps[0] === "metadata")
        problems.push(field.invalid(at, jsonPath, "must not point to fields in metadata"));
      if (!selectableTypes.has(found.node.props.type ?? "")) {
        const text =
          "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
        problems.push(field.invalid(at, jsonPath, text));
      }
      if (seen.has(found.path)) problems.push(field.duplicate(at, jsonPath));
      seen.add(found.path);
    } catch (error) {
      if (!(error instanceof FieldPathError)) throw error;
      problems.push(field.invalid(at, jsonPath, `is an invalid path: ${error.message}`));
    }
  });
  const had = JSON.stringify(before?.selectableFields ?? []) === JSON.stringify(fields);
  if (seen.size > selectableFieldsMax && !had)
    problems.push(field.tooMany(path, seen.size, selectableFieldsMax));
  return problems;
}
