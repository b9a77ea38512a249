import type { Clock, Random } from "../platform/index.ts";
import { defaultIngressClass } from "./default-ingress-class.ts";
import { defaultStorageClass } from "./default-storage-class.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import type { AdmissionPlugin, AdmissionReader, AdmissionRequest } from "./ports.ts";
import { priority } from "./priority.ts";
import { serviceAccount } from "./service-account.ts";
import { storageObjectInUseProtection } from "./storage-in-use.ts";
import { taintNodesByCondition } from "./taint-nodes.ts";

/**
 * Admission: after authorization and before the store every write passes all plugins twice: first to be changed, then, as it will be
 * stored, to be refused or not.
 */
export interface Admission {
  mutate(request: AdmissionRequest): Promise<void>;
  validate(request: AdmissionRequest): Promise<void>;
}

export interface AdmissionDeps {
  readonly reader: AdmissionReader;
  readonly clock: Clock;
  readonly random: Random;
}

/** The plugins that are on by default, in upstream's order (kubeapiserver/options AllOrderedPlugins). */
export function createAdmission(deps: AdmissionDeps): Admission {
  return admissionChain([
    namespaceLifecycle(deps.reader),
    serviceAccount(deps),
    taintNodesByCondition,
    priority(deps.reader),
    defaultTolerationSeconds,
    defaultStorageClass(deps.reader),
    storageObjectInUseProtection,
    defaultIngressClass(deps.reader),
  ]);
}

function admissionChain(plugins: readonly AdmissionPlugin[]): Admission {
  return {
    async mutate(request) {
      for (const plugin of plugins) if (plugin.mutate !== undefined) await plugin.mutate(request);
    },
    async validate(request) {
      for (const plugin of plugins) if (plugin.validate !== undefined) await plugin.validate(request);
    },
  };
}
