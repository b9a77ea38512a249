import {
  type FieldError,
  field,
  formatTime,
  type KubeObject,
  nameIsDnsLabel,
  qualifiedNameErrors,
} from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: string; conditions?: unknown[] };
}

/** The finalizer that the namespace controller takes away once everything in the namespace is gone. */
const kubernetesFinalizer = "kubernetes";
/** Every namespace can be selected by its name. */
const nameLabel = "kubernetes.io/metadata.name";

/** POST namespaces/NAME/finalize: spec.finalizers change, the status does not. */
const finalizeRules: UpdateRules<Namespace> = {
  prepareForUpdate: (next, old) => {
    keepStatus(next, old);
    return withNameLabel(next);
  },
  validateUpdate: (namespace) => validateFinalizers(namespace, (i) => `spec.finalizers[${i}]`),
  resetFields: [["status"]],
};

/** Metadata may change with the status, spec may not. */
const statusRules: UpdateRules<Namespace> = {
  prepareForUpdate: (next, old) => {
    if (old.spec === undefined) delete next.spec;
    else next.spec = old.spec;
    return withNameLabel(next);
  },
  validateUpdate: validatePhase,
  resetFields: [["spec"]],
};

/**
 * Namespaces end in two steps: DELETE marks them Terminating; when the namespace controller has emptied them and taken the last
 * of `spec.finalizers` away by `finalize`, they go.
 */
export const namespaceStrategy: Strategy<Namespace> = {
  namespaced: false,
  metadataOnUpdate: ["object", "changes"],
  validateName: nameIsDnsLabel,
  prepareForCreate: (namespace) => {
    const finalizers = namespace.spec?.finalizers ?? [];
    const present = finalizers.includes(kubernetesFinalizer);
    namespace.spec = {
      ...namespace.spec,
      finalizers: present ? finalizers : [...finalizers, kubernetesFinalizer],
    };
    namespace.status = { phase: "Active" };
    return withNameLabel(namespace);
  },
  prepareForUpdate: (next, old) => {
    if (old.spec === undefined) delete next.spec;
    else next.spec = old.spec;
    keepStatus(next, old);
    return withNameLabel(next);
  },
  validate: (namespace) => validateFinalizers(namespace, () => "spec.finalizers"),
  keepOnDelete: (namespace, context): Namespace | undefined => {
    if (namespace.metadata.deletionTimestamp === undefined) {
      return {
        ...namespace,
        metadata: { ...namespace.metadata, deletionTimestamp: formatTime(context.now) },
        status: { ...namespace.status, phase: "Terminating" },
      };
    }
    return holdsItself(namespace) ? namespace : undefined;
  },
  mayVanish: (namespace) => !holdsItself(namespace),
  selectableFields: {
    "status.phase": (namespace) => namespace.status?.phase ?? "",
  },
  returnDeletedObject: true,
  status: statusRules,
  subresources: { finalize: finalizeRules },
  resetFields: [["status"]],
  tableRow: (namespace, now) => [nameOf(namespace), namespace.status?.phase ?? "", age(namespace, now)],
};

const holdsItself = ({ spec }: Namespace): boolean => (spec?.finalizers?.length ?? 0) > 0;

function keepStatus(next: Namespace, old: Namespace): void {
  if (old.status === undefined) delete next.status;
  else next.status = old.status;
}

/** Set whatever the client says, silently. */
function withNameLabel(namespace: Namespace): Namespace {
  const { metadata } = namespace;
  if (!metadata.name || metadata.labels?.[nameLabel] === metadata.name) return namespace;
  metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  return namespace;
}

function validateFinalizers({ spec }: Namespace, pathOf: (index: number) => string): FieldError[] {
  return (spec?.finalizers ?? []).flatMap((name, i) => {
    const path = pathOf(i);
    const errors = complaints(path, name, qualifiedNameErrors(name));
    if (!name.includes("/") && name !== kubernetesFinalizer) {
      errors.push(
        field.invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified"),
      );
    }
    return errors;
  });
}

function validatePhase({ metadata, status }: Namespace): FieldError[] {
  const phase = status?.phase ?? "";
  const isEnding = metadata.deletionTimestamp !== undefined;
  const expected = isEnding ? "Terminating" : "Active";
  if (phase === expected) return [];
  const detail = `may only be '${expected}' if \`deletionTimestamp\` is ${isEnding ? "not empty" : "empty"}`;
  return [field.invalid("status.Phase", phase, detail)];
}
