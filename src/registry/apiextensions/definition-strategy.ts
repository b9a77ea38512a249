import { deepEqual, formatTime } from "../../apimachinery/index.ts";
import { formatCheck, loadPatterns, someSchema } from "../../schema/index.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";
import {
  definitionNameErrors,
  definitionProblems,
  definitionStatusProblems,
  definitionUpdateProblems,
} from "./definition-rules.ts";
import { loadRules } from "./rule-engine.ts";
import { schemasOf } from "./shared-fields.ts";
import {
  type CustomResourceDefinition,
  cleanupFinalizer,
  type DefinitionSpec,
  pendingDeletion,
  storageVersion,
  withCondition,
} from "./types.ts";

type Definition = CustomResourceDefinition;

const status: UpdateRules<Definition> = {
  withoutTable: true,
  allowUnconditionalUpdate: false,
  resetFields: [["metadata"], ["spec"]],
  // Metadata is as open here as upstream leaves it: whoever cleaned up takes its finalizer off together with the last condition.
  prepareForUpdate(next, old) {
    next.spec = old.spec;
    return next;
  },
  validateUpdate: definitionStatusProblems,
};

/** CustomResourceDefinitions: what becomes of them when they are written. What they define is served by `CustomResources`. */
export const customResourceDefinition: Strategy<Definition> = {
  namespaced: false,
  anyFinalizer: true,
  allowUnconditionalUpdate: false,
  resetFields: [["status"]],
  prepareForCreate(definition) {
    definition.metadata.generation = 1;
    definition.status = {};
    return withStorageVersion(settled(definition));
  },
  async beginCreate({ spec }) {
    await loadPatterns();
    await loadRules(schemasOf(spec));
    return undefined;
  },
  validateName: definitionNameErrors,
  validate: definitionProblems,
  warnings: ({ spec }) => unknownFormats(spec).map(warning),
  prepareForUpdate(next, old) {
    next.status = structuredClone(old.status ?? {});
    if (!deepEqual(next.spec, old.spec)) next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    return withStorageVersion(settled(next));
  },
  async beginUpdate({ spec }) {
    await loadPatterns();
    await loadRules(schemasOf(spec));
    return undefined;
  },
  validateUpdate: definitionUpdateProblems,
  warningsOnUpdate(next, old) {
    const before = new Set(unknownFormats(old.spec));
    return unknownFormats(next.spec)
      .filter((format) => !before.has(format))
      .map(warning);
  },
  status,
  /** Its objects go first: it stays until the finalizer is taken off. */
  keepOnDelete(definition, { now }) {
    const finalizers = definition.metadata.finalizers ?? [];
    if (definition.metadata.deletionTimestamp !== undefined) {
      return finalizers.length > 0 ? definition : undefined;
    }
    const conditions = withCondition(
      definition.status?.conditions ?? [],
      { type: "Terminating", status: "True", ...pendingDeletion },
      formatTime(now),
    );
    return {
      ...definition,
      status: { ...definition.status, conditions },
      metadata: {
        ...definition.metadata,
        deletionTimestamp: formatTime(now),
        finalizers: finalizers.includes(cleanupFinalizer) ? finalizers : [...finalizers, cleanupFinalizer],
      },
    };
  },
};

/** A webhook that says nothing is none. */
function settled(definition: Definition): Definition {
  const { conversion } = definition.spec;
  const { clientConfig, conversionReviewVersions } = conversion?.webhook ?? {};
  if (conversion?.webhook !== undefined && !clientConfig && !conversionReviewVersions?.length)
    definition.spec = { ...definition.spec, conversion: { strategy: conversion.strategy } };
  return definition;
}

/** Objects may be stored in this version from now on. */
function withStorageVersion(definition: Definition): Definition {
  const stored = definition.status?.storedVersions ?? [];
  const name = storageVersion(definition.spec)?.name;
  if (name !== undefined && !stored.includes(name))
    definition.status = { ...definition.status, storedVersions: [...stored, name] };
  return definition;
}

const warning = (format: string): string => `unrecognized format ${JSON.stringify(format)}`;

function unknownFormats(spec: DefinitionSpec): string[] {
  const found: string[] = [];
  for (const schema of schemasOf(spec)) {
    someSchema(schema, ({ type, format }) => {
      if (type === "string" && format !== undefined && formatCheck(format) === undefined) found.push(format);
      return false;
    });
  }
  return found;
}
