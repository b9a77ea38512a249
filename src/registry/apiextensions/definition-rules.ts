import {
  deepEqual,
  dns1035LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
  immutableFieldMessage,
  nameIsDnsSubdomain,
} from "../../apimachinery/index.ts";
import { someSchema } from "../../schema/index.ts";
import { approvalProblems } from "./approval.ts";
import { columnProblems, selectableFieldProblems, subresourceProblems } from "./column-rules.ts";
import { conversionProblems } from "./conversion-rules.ts";
import { printedVersions } from "./printed-versions.ts";
import { schemaProblems } from "./schema-rules.ts";
import { type SharedFields, schemasOf, sharedFields } from "./shared-fields.ts";
import {
  type CustomResourceDefinition,
  type DefinitionNames,
  type DefinitionSpec,
  type DefinitionVersion,
  isTrue,
} from "./types.ts";

/** What a CRD breaks: apiextensions' ValidateCustomResourceDefinition, with its texts and in its order. */
export function definitionProblems(definition: CustomResourceDefinition): FieldError[] {
  return commonProblems(definition, undefined);
}

/** The name of a CRD says what it defines; one that the server is to make up cannot. */
export function definitionNameErrors(
  name: string,
  prefix: boolean,
  { spec }: CustomResourceDefinition,
): string[] {
  const texts = nameIsDnsSubdomain(name, prefix);
  if (name !== `${spec.names.plural}.${spec.group}`) texts.push('must be spec.names.plural+"."+spec.group');
  return texts;
}

/** What an update of a CRD breaks: ValidateCustomResourceDefinitionUpdate. What was wrong before may stay. */
export function definitionUpdateProblems(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  return commonProblems(definition, old);
}

function commonProblems(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const { status } = definition;
  const given: readonly DefinitionVersion[] | null = definition.spec.versions;
  const spec: DefinitionSpec = given === null ? { ...definition.spec, versions: [] } : definition.spec;
  return [
    ...specProblems(spec, given, old),
    ...(old === undefined ? [] : immutableProblems(spec, old)),
    ...namesProblems(status?.acceptedNames, "status.acceptedNames"),
    ...storedVersionProblems(status?.storedVersions ?? [], spec),
    ...approvalProblems(definition, old),
    ...preserveProblems(spec, old),
  ];
}

function preserveProblems(spec: DefinitionSpec, old: CustomResourceDefinition | undefined): FieldError[] {
  if (old?.spec.preserveUnknownFields === true || spec.preserveUnknownFields !== true) return [];
  const way =
    "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
  return [field.invalid("spec.preserveUnknownFields", true, way)];
}

function immutableProblems(spec: DefinitionSpec, old: CustomResourceDefinition): FieldError[] {
  const before = old.spec;
  const problems: FieldError[] = [];
  const keep = (name: string, value: string, was: string): void => {
    if (value !== was) problems.push(field.invalid(name, value, immutableFieldMessage));
  };
  if (isTrue(old, "Established")) {
    keep("spec.scope", spec.scope, before.scope);
    keep("spec.names.kind", spec.names.kind, before.names.kind);
  }
  keep("spec.group", spec.group, before.group);
  keep("spec.names.plural", spec.names.plural, before.names.plural);
  return problems;
}

function specProblems(
  spec: DefinitionSpec,
  given: readonly DefinitionVersion[] | null,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const shared = sharedFields(spec);
  return [
    ...groupProblems(spec.group ?? ""),
    ...scopeProblems(spec.scope ?? ""),
    ...missingSchemas(spec, old),
    ...preservedDefaults(spec),
    ...spec.versions.flatMap((version, index) => versionProblems(version, { index, shared, old })),
    ...versionListProblems(spec, given),
    ...requiredNames(spec.names),
    ...namesProblems(spec.names, "spec.names"),
    ...sharedProblems(spec, shared, old),
    ...unprunedConversion(spec),
    ...conversionProblems(spec, old),
  ];
}

/** Webhooks convert what is pruned. */
function unprunedConversion({ conversion, preserveUnknownFields }: DefinitionSpec): FieldError[] {
  const strategy = conversion?.strategy ?? "None";
  if (preserveUnknownFields !== true || strategy === "None") return [];
  const text = "must be None if spec.preserveUnknownFields is true";
  return [field.invalid("spec.conversion.strategy", strategy, text)];
}

function groupProblems(group: string): FieldError[] {
  if (group === "") return [field.required("spec.group", "")];
  const texts = dns1123SubdomainErrors(group);
  if (texts.length > 0) return [field.invalid("spec.group", group, texts.join(","))];
  if (!group.includes("."))
    return [field.invalid("spec.group", group, "should be a domain with at least one dot")];
  return [];
}

function scopeProblems(scope: string): FieldError[] {
  if (scope === "") return [field.required("spec.scope", "")];
  const scopes = ["Cluster", "Namespaced"];
  return scopes.includes(scope) ? [] : [field.notSupported("spec.scope", scope, scopes)];
}

const hasSchema = ({ schema }: DefinitionVersion): boolean => schema?.openAPIV3Schema !== undefined;

/** Without a schema all fields would be pruned. */
function missingSchemas(spec: DefinitionSpec, old: CustomResourceDefinition | undefined): FieldError[] {
  // A CRD that had none may go on without, as long as it is not served so.
  const lenient = old !== undefined && !old.spec.versions.every(hasSchema);
  return spec.versions.flatMap((version, index) => {
    if (hasSchema(version) || (lenient && !version.served)) return [];
    const at = `spec.versions[${index}].schema.openAPIV3Schema`;
    return [field.required(at, lenient ? "because otherwise all fields are pruned" : "")];
  });
}

function preservedDefaults(spec: DefinitionSpec): FieldError[] {
  if (spec.preserveUnknownFields !== true) return [];
  const hasDefaults = schemasOf(spec).some((schema) =>
    someSchema(schema, (inner) => inner.default !== undefined),
  );
  if (!hasDefaults) return [];
  return [
    field.invalid("spec.preserveUnknownFields", true, "must be false in order to use defaults in the schema"),
  ];
}

interface VersionPlace {
  readonly index: number;
  readonly shared: SharedFields;
  readonly old: CustomResourceDefinition | undefined;
}

function versionProblems(version: DefinitionVersion, place: VersionPlace): FieldError[] {
  const { index, shared, old } = place;
  const at = `spec.versions[${index}]`;
  const problems: FieldError[] = [];
  const nameTexts = dns1035LabelErrors(version.name);
  if (nameTexts.length > 0) problems.push(field.invalid(`${at}.name`, version.name, nameTexts.join(",")));
  problems.push(...deprecationProblems(version, `${at}.deprecationWarning`));
  if (!shared.schema && version.schema?.openAPIV3Schema !== undefined) {
    problems.push(
      ...schemaProblems(version.schema.openAPIV3Schema, {
        path: `${at}.schema.openAPIV3Schema`,
        hasStatus: version.subresources?.status !== undefined,
        old,
        unchanged: isUnchanged(version, old),
      }),
    );
  }
  if (!shared.subresources) problems.push(...subresourceProblems(version.subresources, `${at}.subresources`));
  if (!shared.columns)
    problems.push(...columnProblems(version.additionalPrinterColumns, `${at}.additionalPrinterColumns`));
  if (!shared.selectableFields && (version.selectableFields?.length ?? 0) > 0) {
    const place = `${at}.selectableFields`;
    if (shared.schema || version.schema?.openAPIV3Schema === undefined) {
      const text = "may only be set when `version.schema.openAPIV3Schema` is not included";
      problems.push(field.invalid(place, "", text));
    } else problems.push(...selectableFieldProblems(version, place, beforeOf(version.name, old)));
  }
  return problems;
}

function beforeOf(name: string, old: CustomResourceDefinition | undefined): DefinitionVersion | undefined {
  return old?.spec.versions.find((version) => version.name === name);
}

function isUnchanged(version: DefinitionVersion, old: CustomResourceDefinition | undefined): boolean {
  const before = beforeOf(version.name, old);
  return before !== undefined && deepEqual(before.schema, version.schema);
}

const warningBytesMax = 256;

function deprecationProblems(version: DefinitionVersion, path: string): FieldError[] {
  const { deprecated, deprecationWarning: warning } = version;
  if (warning === undefined) return [];
  const problem = (text: string): FieldError => field.invalid(path, warning, text);
  if (deprecated !== true) return [problem("can only be set for deprecated versions")];
  const problems: FieldError[] = [];
  if (Buffer.byteLength(warning) > warningBytesMax) problems.push(problem("must be <= 256 characters long"));
  if (warning === "") problems.push(problem("must not be an empty string"));
  let at = 0;
  for (const character of warning) {
    if (character !== " " && !/^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) {
      const text = `must only contain printable UTF-8 characters; non-printable character found at index ${at}`;
      problems.push(problem(text));
      break;
    }
    at += Buffer.byteLength(character);
  }
  return problems;
}

/** `given`: null where the client said nothing of versions. */
function versionListProblems(spec: DefinitionSpec, given: readonly DefinitionVersion[] | null): FieldError[] {
  const { versions } = spec;
  const problems: FieldError[] = [];
  const invalid = (text: string): void => {
    problems.push(field.invalid("spec.versions", given && printedVersions(spec), text));
  };
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    invalid("must contain unique version names");
  if (versions.filter(({ storage }) => storage).length !== 1)
    invalid("must have exactly one version marked as storage version");
  const first = versions[0]?.name ?? "";
  const texts = first === "" ? [] : dns1035LabelErrors(first);
  if (texts.length > 0) problems.push(field.invalid("spec.version", first, texts.join(",")));
  return problems;
}

function requiredNames(names: DefinitionNames): FieldError[] {
  return (["plural", "singular", "kind", "listKind"] as const)
    .filter((name) => !names[name])
    .map((name) => field.required(`spec.names.${name}`, ""));
}

function namesProblems(names: DefinitionNames | undefined, path: string): FieldError[] {
  if (names === undefined) return [];
  const problems: FieldError[] = [];
  const label = (name: string, value: string | undefined): void => {
    const texts = value ? dns1035LabelErrors(value) : [];
    if (texts.length > 0) problems.push(field.invalid(`${path}.${name}`, value, texts.join(",")));
  };
  const kind = (name: string, value: string | undefined): void => {
    const texts = value ? dns1035LabelErrors(value.toLowerCase()) : [];
    const head = "may have mixed case, but should otherwise match: ";
    if (texts.length > 0) problems.push(field.invalid(`${path}.${name}`, value, head + texts.join(",")));
  };
  label("plural", names.plural);
  label("singular", names.singular);
  kind("kind", names.kind);
  kind("listKind", names.listKind);
  const item = (name: string, value: string): void => {
    const texts = dns1035LabelErrors(value);
    if (texts.length > 0) problems.push(field.invalid(`${path}.${name}`, value, texts.join(",")));
  };
  (names.shortNames ?? []).forEach((short, index) => {
    item(`shortNames[${index}]`, short);
  });
  if (names.kind && names.kind === names.listKind)
    problems.push(field.invalid(`${path}.listKind`, names.listKind, "kind and listKind may not be the same"));
  (names.categories ?? []).forEach((category, index) => {
    item(`categories[${index}]`, category);
  });
  return problems;
}

/** What the versions share is told once, at the place where upstream keeps it. */
function sharedProblems(
  spec: DefinitionSpec,
  shared: SharedFields,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const first = spec.versions[0];
  if (first === undefined) return [];
  const problems: FieldError[] = [];
  if (shared.schema && first.schema?.openAPIV3Schema !== undefined) {
    problems.push(
      ...schemaProblems(first.schema.openAPIV3Schema, {
        path: "spec.validation.openAPIV3Schema",
        hasStatus: spec.versions.some(({ subresources }) => subresources?.status !== undefined),
        old,
        unchanged: isUnchanged(first, old),
      }),
    );
  }
  if (shared.subresources) problems.push(...subresourceProblems(first.subresources, "spec.subresources"));
  if (shared.columns)
    problems.push(...columnProblems(first.additionalPrinterColumns, "spec.additionalPrinterColumns"));
  if (shared.selectableFields && (first.selectableFields?.length ?? 0) > 0) {
    if (!shared.schema || first.schema === undefined) {
      const text = "may only be set when validations.schema is included";
      problems.push(field.invalid("spec.selectableFields", "", text));
    } else {
      problems.push(...selectableFieldProblems(first, "spec.selectableFields", beforeOf(first.name, old)));
    }
  }
  return problems;
}

/** status.storedVersions names every version that objects may still be stored in. */
function storedVersionProblems(stored: readonly string[], spec: DefinitionSpec): FieldError[] {
  const path = "status.storedVersions";
  if (stored.length === 0) return [field.invalid(path, null, "must have at least one stored version")];
  const problems: FieldError[] = [];
  const missing = new Set(stored);
  for (const { name, storage } of spec.versions) {
    // A version that stands twice is found once.
    if (!missing.delete(name) && storage)
      problems.push(field.invalid(path, stored, `must have the storage version ${name}`));
  }
  stored.forEach((version, index) => {
    if (spec.versions.some(({ name }) => name === version)) return;
    const text = `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`;
    problems.push(field.invalid(`${path}[${index}]`, version, text));
  });
  return problems;
}

/** What an update of the status breaks. */
export function definitionStatusProblems({ status }: CustomResourceDefinition): FieldError[] {
  return namesProblems(status?.acceptedNames, "status.acceptedNames");
}
