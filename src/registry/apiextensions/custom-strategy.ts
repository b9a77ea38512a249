import {
  deepEqual,
  errors,
  type FieldError,
  field,
  type GroupVersionKind,
  type Json,
  type JsonObject,
  type KubeObject,
  qualifiedNameErrors,
} from "../../apimachinery/index.ts";
import {
  Correlation,
  type CustomNode,
  embeddedProblems,
  type JsonSchemaProps,
  listTypeProblems,
  valueProblems,
} from "../../schema/index.ts";
import type { ScaleRules, Strategy, UpdateRules } from "../strategy.ts";
import { parseJsonPath } from "./json-path.ts";
import { AccessorError, nestedInteger, nestedText, withNested } from "./nested-values.ts";
import type { PrintedColumns } from "./printer-columns.ts";
import type { ScalePaths } from "./types.ts";

/**
 * x-kubernetes-validations of a schema: what an object breaks. `old`: of an update. What it broke before and an update leaves as it is, is only
 * warned of.
 */
export type CheckRules = (
  object: KubeObject,
  old: KubeObject | undefined,
  warn: (text: string) => void,
) => FieldError[];

/** One served version of a CRD, as its Strategy sees it. */
export interface CustomKind {
  readonly kind: GroupVersionKind;
  readonly namespaced: boolean;
  /** `planets` */
  readonly resource: string;
  readonly root: CustomNode;
  readonly hasStatus: boolean;
  readonly scale: ScalePaths | undefined;
  /** Paths as in the CRD: `.spec.color`. */
  readonly selectableFields: readonly string[];
  readonly printed: PrintedColumns;
  /** Told to everybody who uses the version; undefined for none. */
  readonly deprecation: string | undefined;
  /** The CRD is on its way out: nothing new may come. */
  readonly terminating: () => boolean;
  readonly checkRules: CheckRules | undefined;
}

/** The rules of custom resources: k8s.io/apiextensions-apiserver/pkg/registry/customresource. */
export function customStrategy(custom: CustomKind): Strategy {
  const { kind, namespaced, hasStatus, scale, printed } = custom;
  return {
    namespaced,
    allowUnconditionalUpdate: false,
    anyFinalizer: true,
    leaving: custom.terminating,
    ...(custom.deprecation === undefined ? {} : { deprecation: custom.deprecation }),
    prepareForCreate(object) {
      if (hasStatus) delete object["status"];
      object.metadata.generation = 1;
      return object;
    },
    async beginCreate(object) {
      if (!custom.terminating()) return undefined;
      const target = { group: kind.group, resource: custom.resource };
      throw errors.forbidden(
        target,
        object.metadata.name ?? "",
        "create not allowed while custom resource definition is terminating",
      );
    },
    validate: (object, { warn }) => validateNew(object, custom, warn),
    warnings: (object) => finalizerWarnings(object, undefined),
    prepareForUpdate: (next, old) => prepareUpdate(next, old, hasStatus),
    validateUpdate: (next, old, { warn }) => validateChanged(next, old, custom, warn),
    warningsOnUpdate: finalizerWarnings,
    selectableFields: selectable(custom.selectableFields),
    tableRow: printed.row,
    ...(hasStatus ? { resetFields: [["status"]], status: statusRules(custom) } : {}),
    ...(scale === undefined ? {} : { scale: scaleRules(scale) }),
  };
}

function selectable(paths: readonly string[]): Record<string, (object: KubeObject) => string> {
  return Object.fromEntries(
    paths.map((text) => {
      const path = parseJsonPath(text);
      const read = (object: KubeObject): string => {
        const value = path.find(object as unknown as Json)[0];
        return value === undefined || value === null ? "" : String(value);
      };
      return [text.replace(/^\./, ""), read];
    }),
  );
}

/** Anything but metadata counts as wanted. */
function prepareUpdate(next: KubeObject, old: KubeObject, hasStatus: boolean): KubeObject {
  if (hasStatus) {
    if (Object.hasOwn(old, "status")) next["status"] = old["status"];
    else delete next["status"];
  }
  const { metadata: _, ...content } = next;
  const { metadata: __, ...before } = old;
  if (!deepEqual(content, before)) next.metadata.generation = (old.metadata.generation ?? 0) + 1;
  return next;
}

function statusRules(custom: CustomKind): UpdateRules {
  return {
    allowUnconditionalUpdate: false,
    resetFields: [["spec"]],
    prepareForUpdate(next, old) {
      const { managedFields, resourceVersion } = next.metadata;
      const { managedFields: _, ...metadata } = old.metadata;
      const { status: __, ...content } = old;
      return {
        ...content,
        metadata: {
          ...metadata,
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
          ...(managedFields === undefined ? {} : { managedFields }),
        },
        ...(Object.hasOwn(next, "status") ? { status: next["status"] } : {}),
      };
    },
    validateUpdate: (next, old, { warn }) => validateStatus(next, old, custom, warn),
  };
}

type Warn = (text: string) => void;

function validateNew(object: KubeObject, custom: CustomKind, warn: Warn): FieldError[] {
  const { root, scale } = custom;
  const json = object as unknown as JsonObject;
  const problems = [
    ...valueProblems(json, root.props),
    ...scaleSpecProblems(json, scale),
    ...scaleStatusProblems(json, scale),
    ...embeddedProblems(json, root, false),
    ...listTypeProblems(json, root),
  ];
  return withRules(problems, custom, { object, old: undefined, warn });
}

function validateChanged(next: KubeObject, old: KubeObject, custom: CustomKind, warn: Warn): FieldError[] {
  const { root, scale } = custom;
  const json = next as unknown as JsonObject;
  const before = old as unknown as JsonObject;
  const problems = [
    ...valueProblems(json, root.props, { correlation: new Correlation(json, before, root) }),
    ...scaleSpecProblems(json, scale),
    ...scaleStatusProblems(json, scale),
    ...embeddedProblems(json, root, false),
    // Lists that broke their type before may go on doing so.
    ...(listTypeProblems(before, root).length === 0 ? listTypeProblems(json, root) : []),
  ];
  return withRules(problems, custom, { object: next, old, warn });
}

function validateStatus(next: KubeObject, old: KubeObject, custom: CustomKind, warn: Warn): FieldError[] {
  const { root, scale } = custom;
  const json = next as unknown as JsonObject;
  const before = old as unknown as JsonObject;
  const problems: FieldError[] = [];
  const schema: JsonSchemaProps | undefined = root.properties.get("status")?.props;
  if (Object.hasOwn(json, "status") && schema !== undefined) {
    const correlation = new Correlation(json, before, root).member("status");
    problems.push(...valueProblems(json["status"] as Json, schema, { base: "status", correlation }));
  }
  problems.push(...scaleStatusProblems(json, scale));
  if (listTypeProblems(before, root).length === 0) problems.push(...listTypeProblems(json, root));
  return withRules(problems, custom, { object: next, old, warn });
}

/** Errors after which rules could only fail for what is told already. */
const blocking: ReadonlySet<FieldError["type"]> = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

function withRules(
  problems: FieldError[],
  { checkRules }: CustomKind,
  { object, old, warn }: { object: KubeObject; old: KubeObject | undefined; warn: Warn },
): FieldError[] {
  if (checkRules === undefined) return problems;
  if (problems.some(({ type }) => blocking.has(type))) {
    const text =
      "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
    return [...problems, field.invalid("<nil>", null, text)];
  }
  return [...problems, ...checkRules(object, old, warn)];
}

const int32Max = 2 ** 31 - 1;

function replicasProblems(object: JsonObject, path: string): FieldError[] {
  try {
    const replicas = nestedInteger(object, path) ?? 0;
    if (replicas < 0) return [field.invalid(path, replicas, "should be a non-negative integer")];
    if (replicas > int32Max)
      return [field.invalid(path, replicas, `should be less than or equal to ${int32Max}`)];
    return [];
  } catch (error) {
    if (error instanceof AccessorError) return [field.invalid(path, 0, error.message)];
    throw error;
  }
}

function scaleSpecProblems(object: JsonObject, scale: ScalePaths | undefined): FieldError[] {
  return scale === undefined ? [] : replicasProblems(object, scale.specReplicasPath);
}

function scaleStatusProblems(object: JsonObject, scale: ScalePaths | undefined): FieldError[] {
  if (scale === undefined) return [];
  const problems = replicasProblems(object, scale.statusReplicasPath);
  const { labelSelectorPath } = scale;
  if (labelSelectorPath === undefined) return problems;
  try {
    nestedText(object, labelSelectorPath);
    return problems;
  } catch (error) {
    if (error instanceof AccessorError)
      return [...problems, field.invalid(labelSelectorPath, "", error.message)];
    throw error;
  }
}

function scaleRules(paths: ScalePaths): ScaleRules {
  const read = <T>(get: () => T): T => {
    try {
      return get();
    } catch (error) {
      if (error instanceof AccessorError) throw errors.plainError(error.message);
      throw error;
    }
  };
  return {
    replicasPath: paths.specReplicasPath,
    replicas(object) {
      const replicas = read(() => nestedInteger(object as unknown as JsonObject, paths.specReplicasPath));
      return replicas === undefined ? undefined : Number(replicas);
    },
    setReplicas: (object, replicas) =>
      read(() =>
        withNested(object as unknown as JsonObject, paths.specReplicasPath, replicas),
      ) as unknown as KubeObject,
    statusReplicas: (object) =>
      Number(read(() => nestedInteger(object as unknown as JsonObject, paths.statusReplicasPath)) ?? 0),
    selector: (object) =>
      paths.labelSelectorPath === undefined
        ? ""
        : (read(() => nestedText(object as unknown as JsonObject, paths.labelSelectorPath as string)) ?? ""),
  };
}

const standardFinalizers = new Set(["orphan", "foregroundDeletion", "kubernetes"]);

function finalizerWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  const before = old?.metadata.finalizers ?? [];
  const added = (object.metadata.finalizers ?? []).filter((name) => !before.includes(name));
  return [...new Set(added)].sort().flatMap((name) => {
    const head = `metadata.finalizers: ${JSON.stringify(name)}: `;
    const texts = qualifiedNameErrors(name);
    if (!name.includes("/") && !standardFinalizers.has(name)) {
      const path = name.includes(".") ? " including a path (/)" : "";
      texts.push(
        `prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
      );
    }
    return texts.map((text) => head + text);
  });
}
