import { formatTime, type KubeObject, nameIsDnsLabel } from "../../apimachinery/index.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";

/** The finalizer that the namespace controller takes away once everything in the namespace is gone. */
const kubernetesFinalizer = "kubernetes";

/** POST namespaces/NAME/finalize: nothing but spec.finalizers changes. */
const finalizeRules: UpdateRules = {
  prepareForUpdate: (next, old) => ({ ...old, metadata: next.metadata, spec: next["spec"] }),
  resetFields: [["status"]],
};

/** Everything but the status stays; upstream keeps spec and labels apart from it. */
const statusRules: UpdateRules = {
  prepareForUpdate: (next, old) => ({ ...next, spec: old["spec"] }),
  resetFields: [["spec"]],
};

/**
 * Namespaces end in two steps: DELETE marks them Terminating; when the namespace controller has emptied them and taken the last
 * of `spec.finalizers` away by `finalize`, they go.
 */
export const namespaceStrategy: Strategy = {
  namespaced: false,
  validateName: nameIsDnsLabel,
  prepareForCreate: (namespace) => {
    const finalizers: string[] = namespace["spec"]?.finalizers ?? [];
    namespace["spec"] = {
      ...namespace["spec"],
      finalizers: finalizers.includes(kubernetesFinalizer)
        ? finalizers
        : [...finalizers, kubernetesFinalizer],
    };
    namespace["status"] = { phase: "Active" };
    return namespace;
  },
  prepareForUpdate: (next, old) => ({
    ...next,
    spec: { ...next["spec"], finalizers: old["spec"]?.finalizers },
    status: old["status"],
  }),
  keepOnDelete: (namespace, context): KubeObject | undefined => {
    if (namespace.metadata.deletionTimestamp === undefined) {
      return {
        ...namespace,
        metadata: { ...namespace.metadata, deletionTimestamp: formatTime(context.now) },
        status: { ...namespace["status"], phase: "Terminating" },
      };
    }
    return (namespace["spec"]?.finalizers?.length ?? 0) > 0 ? namespace : undefined;
  },
  mayVanish: (namespace) => (namespace["spec"]?.finalizers?.length ?? 0) === 0,
  selectableFields: {
    "metadata.name": (namespace) => namespace.metadata.name ?? "",
    "status.phase": (namespace) => namespace["status"]?.phase ?? "",
  },
  returnDeletedObject: true,
  status: statusRules,
  subresources: { finalize: finalizeRules },
  resetFields: [["status"]],
};
