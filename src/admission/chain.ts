import type { Authorizer } from "../auth/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import { alwaysDeny } from "./always-deny.ts";
import { alwaysPullImages } from "./always-pull-images.ts";
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from "./certificates.ts";
import { persistentVolumeClaimResize } from "./claim-resize.ts";
import { defaultIngressClass } from "./default-ingress-class.ts";
import { defaultStorageClass } from "./default-storage-class.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { denyServiceExternalIps } from "./deny-service-external-ips.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceExists } from "./namespace-exists.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { ownerReferencesPermission } from "./owner-references.ts";
import { podSecurity } from "./pod-security/index.ts";
import { podTopologyLabels } from "./pod-topology-labels.ts";
import type {
  AdmissionPlugin,
  AdmissionReader,
  AdmissionRequest,
  AdmissionWriter,
  ConfigurationViews,
  KindLookup,
  WebhookClient,
} from "./ports.ts";
import { priority } from "./priority.ts";
import { resourceQuota } from "./resource-quota.ts";
import { runtimeClass } from "./runtime-class.ts";
import { type AdmissionSelection, selected, standardAdmission } from "./selection.ts";
import { serviceAccount } from "./service-account.ts";
import { storageObjectInUseProtection } from "./storage-in-use.ts";
import { taintNodesByCondition } from "./taint-nodes.ts";
import { validatingAdmissionPolicy } from "./validating-policy.ts";
import { mutatingWebhooks } from "./webhooks/mutating.ts";
import { validatingWebhooks } from "./webhooks/validating.ts";

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
  readonly writer: AdmissionWriter;
  readonly views: ConfigurationViews;
  readonly kinds: KindLookup;
  /** Asks webhooks. */
  readonly client: WebhookClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly authorizer: Authorizer;
  /** `standardAdmission` when left out. */
  readonly selection?: AdmissionSelection | undefined;
}

/** The selected plugins, in upstream's order (kubeapiserver/options AllOrderedPlugins). @throws Error for a selection that cannot be */
export function createAdmission(deps: AdmissionDeps): Admission {
  const plugins = [
    namespaceLifecycle(deps.reader),
    namespaceExists(deps.reader),
    limitRanger(deps.views),
    serviceAccount(deps),
    nodeRestriction(deps),
    taintNodesByCondition,
    alwaysPullImages,
    podSecurity({ ...deps, podSecurity: deps.selection?.podSecurity }),
    priority(deps.reader),
    defaultTolerationSeconds(deps.selection?.tolerationSeconds),
    defaultStorageClass(deps.reader),
    storageObjectInUseProtection,
    ownerReferencesPermission(deps),
    persistentVolumeClaimResize(deps.reader),
    runtimeClass(deps.reader),
    certificateApproval(deps.authorizer),
    certificateSigning(deps.authorizer),
    certificateSubjectRestriction,
    defaultIngressClass(deps.reader),
    denyServiceExternalIps,
    podTopologyLabels(deps.reader),
    mutatingWebhooks(deps),
    validatingAdmissionPolicy(deps),
    validatingWebhooks(deps),
    resourceQuota(deps),
    alwaysDeny,
  ];
  return admissionChain(selected(plugins, deps.selection ?? standardAdmission), deps.views);
}

function admissionChain(plugins: readonly AdmissionPlugin[], views: ConfigurationViews): Admission {
  const mutating = concerned(plugins.filter(({ mutate }) => mutate !== undefined));
  const validating = concerned(plugins.filter(({ validate }) => validate !== undefined));
  return {
    async mutate(request) {
      if (!views.synced) await views.whenSynced;
      let isDue = false;
      const pass = { request, isAgain: false, again: () => (isDue = true) };
      const asked = mutating(request);
      await through(asked, (plugin) => plugin.mutate?.(request, pass));
      if (isDue) await through(asked, (plugin) => plugin.mutate?.(request, { ...pass, isAgain: true }));
    },
    async validate(request) {
      if (!views.synced) await views.whenSynced;
      await through(validating(request), (plugin) => plugin.validate?.(request));
    },
  };
}

/** Those of the plugins that have to do with a request, in their order. */
function concerned(
  plugins: readonly AdmissionPlugin[],
): (request: AdmissionRequest) => readonly AdmissionPlugin[] {
  const connecting = plugins.filter(({ connects }) => connects === true);
  const ofOthers = plugins.filter(({ resources }) => resources === undefined);
  const ofResources = new Map<string, readonly AdmissionPlugin[]>();
  for (const name of plugins.flatMap(({ resources }) => resources ?? [])) {
    const of = plugins.filter(({ resources }) => resources === undefined || resources.includes(name));
    ofResources.set(name, of);
  }
  return ({ operation, resource }) =>
    operation === "CONNECT" ? connecting : (ofResources.get(resource.resource) ?? ofOthers);
}

/** Most plugins need not wait for anything: a turn of the loop for each would cost more than they do. */
function through(
  plugins: readonly AdmissionPlugin[],
  call: (plugin: AdmissionPlugin) => Promise<void> | void,
  from = 0,
): Promise<void> | undefined {
  for (let i = from; i < plugins.length; i++) {
    const done = call(plugins[i] as AdmissionPlugin);
    if (done !== undefined) return done.then(() => through(plugins, call, i + 1));
  }
  return undefined;
}
