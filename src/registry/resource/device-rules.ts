import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  regexError,
  stringifyJson,
} from "../../apimachinery/index.ts";
import { validateDriverName } from "../core/volume/driver-rules.ts";
import { complaints } from "../rules/values.ts";
import { deviceExpressionErrors } from "./device-expressions.ts";
import type { DeviceConfiguration, DeviceSelector } from "./types.ts";

/** What the kinds of resource.k8s.io share: upstream's pkg/apis/resource/validation. */

const poolBytesMax = 253;
const idBytesMax = 32;
const selectorsMax = 32;
const configsMax = 32;
const parametersBytesMax = 10 * 1024;

/** Every item by itself, unless there are too many. */
export function validateItems<T>(
  items: readonly T[],
  countMax: number,
  path: string,
  validate: (item: T, path: string) => FieldError[],
): FieldError[] {
  if (items.length > countMax) return [field.tooMany(path, items.length, countMax)];
  return items.flatMap((item, i) => validate(item, `${path}[${i}]`));
}

/** As `validateItems`; and none twice. */
export function validateSet<T>(
  items: readonly T[],
  countMax: number,
  path: string,
  keyOf: (item: T) => string,
  validate: (item: T, path: string) => FieldError[],
): FieldError[] {
  const errors = validateItems(items, countMax, path, validate);
  if (items.length > countMax) return errors;
  const keys = new Set<string>();
  for (const [i, item] of items.entries()) {
    const key = keyOf(item);
    if (keys.has(key)) errors.push(field.duplicate(`${path}[${i}]`, key));
    keys.add(key);
  }
  return errors;
}

export function validatePool(name: string, path: string): FieldError[] {
  if (name === "") return [field.required(path, "")];
  const errors = Buffer.byteLength(name) > poolBytesMax ? [field.tooLong(path, poolBytesMax)] : [];
  return [
    ...errors,
    ...name.split("/").flatMap((part) => complaints(path, part, dns1123SubdomainErrors(part))),
  ];
}

export function validateLabelName(name: string, path: string): FieldError[] {
  return complaints(path, name, dns1123LabelErrors(name));
}

/** `domain/id` or `id`. */
export function validateQualifiedName(name: string, path: string): FieldError[] {
  const [first = "", second, third] = name.split("/");
  if (third !== undefined) return [];
  if (second === undefined) return validateIdentifier(first, path);
  return [
    ...(first === ""
      ? [field.invalid(path, "", "the domain must not be empty")]
      : validateDriverName(first, path)),
    ...(second === ""
      ? [field.invalid(path, "", "the name must not be empty")]
      : validateIdentifier(second, path)),
  ];
}

const identifierExpression = "[A-Za-z_][A-Za-z0-9_]*";
const identifier = new RegExp(`^${identifierExpression}$`);
const identifierRule =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";

function validateIdentifier(id: string, path: string): FieldError[] {
  const errors = Buffer.byteLength(id) > idBytesMax ? [field.tooLong(path, idBytesMax)] : [];
  if (identifier.test(id)) return errors;
  const text = regexError(identifierRule, identifierExpression, "my_name", "MY_NAME", "MyName");
  return [...errors, field.invalid(path, id, text)];
}

export function validateSelectors(selectors: readonly DeviceSelector[], path: string): FieldError[] {
  return validateItems(selectors, selectorsMax, path, ({ cel }, at) => {
    if (cel === undefined) return [field.required(`${at}.cel`, "")];
    return deviceExpressionErrors(cel.expression ?? "", `${at}.cel.expression`);
  });
}

export function validateConfigs<T extends DeviceConfiguration>(
  configs: readonly T[],
  path: string,
  more: (config: T, path: string) => FieldError[] = () => [],
  countMax = configsMax,
): FieldError[] {
  return validateItems(configs, countMax, path, (config, at) => [
    ...more(config, at),
    ...validateOpaque(config.opaque, `${at}.opaque`),
  ]);
}

function validateOpaque(opaque: DeviceConfiguration["opaque"], path: string): FieldError[] {
  if (opaque === undefined) return [field.required(path, "")];
  return [
    ...validateDriverName(opaque.driver ?? "", `${path}.driver`),
    ...validateRaw(opaque.parameters, `${path}.parameters`, parametersBytesMax),
  ];
}

/** An object that only its reader understands. */
export function validateRaw(value: unknown, path: string, bytesMax: number): FieldError[] {
  if (value === undefined || value === null) return [field.required(path, "")];
  if (Buffer.byteLength(stringifyJson(value)) > bytesMax) return [field.tooLong(path, bytesMax)];
  if (typeof value === "object" && !Array.isArray(value)) return [];
  return [field.invalid(path, field.omitted, "must be a valid JSON object")];
}
