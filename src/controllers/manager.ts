import {
  type Client,
  createEventSink,
  createInformerFactory,
  errorText,
  type Log,
  pause,
  runLeaderElection,
} from "../client/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import { autoscalerController } from "./autoscaler/index.ts";
import { bootstrapTokenCleaner } from "./bootstrap/cleaner.ts";
import { bootstrapSigner } from "./bootstrap/signer.ts";
import { requestApprover } from "./certificates/approver.ts";
import { requestCleaner } from "./certificates/cleaner.ts";
import { requestSigner } from "./certificates/signer.ts";
import { clusterRoleAggregationController } from "./clusterrole-aggregation/index.ts";
import {
  type ControllerContext,
  type ControllerDescriptor,
  type ControllerSettings,
  nodeCidrMaskSize,
} from "./context.ts";
import { cronJobController } from "./cronjob/index.ts";
import { daemonSetController } from "./daemonset/index.ts";
import { deploymentController } from "./deployment/index.ts";
import { resourceClaimController } from "./devices/index.ts";
import { disruptionController } from "./disruption/index.ts";
import { absentControllers } from "./elsewhere.ts";
import { endpointsController } from "./endpoints/index.ts";
import { endpointSliceController } from "./endpointslice/index.ts";
import { endpointSliceMirroringController } from "./endpointslice-mirroring/index.ts";
import { garbageCollector } from "./garbage-collector/index.ts";
import { jobController } from "./job/index.ts";
import { ttlAfterFinishedController } from "./job/ttl.ts";
import { aborted } from "./lifecycle.ts";
import { namespaceController, rootCaPublisher, serviceAccountController } from "./namespace/index.ts";
import { nodeIpamController } from "./node-ipam/index.ts";
import { nodeLifecycleController } from "./node-lifecycle/index.ts";
import { nodeTtlController } from "./node-ttl/index.ts";
import { isConflict } from "./owners.ts";
import { podGarbageCollector } from "./pod-gc/index.ts";
import { registrationController } from "./registration/index.ts";
import { replicaSetController, replicationController } from "./replicaset/index.ts";
import { resourceQuotaController } from "./resourcequota/index.ts";
import { namespaces } from "./resources.ts";
import { scheduler } from "./scheduler/index.ts";
import { legacyTokenCleaner } from "./service-account-tokens/cleaner.ts";
import { serviceAccountTokenController } from "./service-account-tokens/index.ts";
import { serviceCidrController } from "./service-cidr/index.ts";
import { statefulSetController } from "./statefulset/index.ts";
import { taintEvictionController } from "./taint-eviction/index.ts";
import { policyStatusController } from "./validating-policy-status/index.ts";
import { attachDetachController } from "./volume/attach-detach.ts";
import { volumeBinderController } from "./volume/binder.ts";
import { ephemeralVolumeController } from "./volume/ephemeral.ts";
import { volumeExpander } from "./volume/expander.ts";
import {
  attributesClassProtectionController,
  claimProtectionController,
  volumeProtectionController,
} from "./volume/protection.ts";

/** All controllers, by name. */
const controllerDescriptors: readonly ControllerDescriptor[] = [
  serviceAccountController,
  rootCaPublisher,
  serviceAccountTokenController,
  legacyTokenCleaner,
  clusterRoleAggregationController,
  requestApprover,
  requestSigner,
  requestCleaner,
  bootstrapSigner,
  bootstrapTokenCleaner,
  namespaceController,
  deploymentController,
  replicaSetController,
  replicationController,
  statefulSetController,
  daemonSetController,
  jobController,
  cronJobController,
  ttlAfterFinishedController,
  endpointsController,
  endpointSliceController,
  endpointSliceMirroringController,
  registrationController,
  nodeIpamController,
  nodeTtlController,
  nodeLifecycleController,
  taintEvictionController,
  podGarbageCollector,
  garbageCollector,
  disruptionController,
  resourceQuotaController,
  volumeBinderController,
  attachDetachController,
  volumeExpander,
  ephemeralVolumeController,
  resourceClaimController,
  claimProtectionController,
  volumeProtectionController,
  attributesClassProtectionController,
  serviceCidrController,
  autoscalerController,
  policyStatusController,
  scheduler,
];

export interface ControllerManagerOptions {
  /** Its user agent names the controllers as field manager: `kube-controller-manager` upstream. */
  readonly client: Client;
  /** The scheduler's, `kube-scheduler` upstream; `client` by default. */
  readonly schedulerClient?: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** `*` for all that are on by default, `name` for one, `-name` for all but one; upstream's `--controllers`. "*" by default. */
  readonly controllers?: string;
  /** Several processes compete for the Lease `kube-system/kube-controller-manager`; without it this one works at once. */
  readonly leaderElection?: { readonly identity: string };
  /** Appears in the scheduler's events. */
  readonly hostName?: string;
  readonly settings?: Partial<ControllerSettings>;
}

/** The controllers of one process. */
export interface ControllerManager {
  readonly names: readonly string[];
  /** Begins; resolves at once. */
  start(): void;
  /** Resolves when what was in hand has ended and the Lease is given back. */
  stop(): Promise<void>;
  /** Resolves when this process has begun to work (leads, and has its first lists). */
  readonly working: Promise<void>;
}

/** Where the members agree on who works. */
const leaseNamespace = "kube-system";

const defaultSettings: ControllerSettings = {
  nodeMonitorGracePeriodMs: 50_000,
  nodeMonitorPeriodMs: 5_000,
  podGcQuarantineMs: 40_000,
  terminatedPodThreshold: 12_500,
  clusterCidr: "10.128.0.0/12",
  nodeCidrMaskSize,
  rootCa: undefined,
  signer: undefined,
  issueSecretToken: undefined,
};

/** @throws RangeError where `controllers` names one that does not exist, or a setting does not fit */
export function createControllerManager(options: ControllerManagerOptions): ControllerManager {
  const { clock, random, log, client } = options;
  const enabled = selectControllers(options.controllers ?? "*");
  const settings = { ...defaultSettings, ...options.settings };
  const stopping = new AbortController();
  let ended: Promise<void> = Promise.resolve();
  let resolveWorking: () => void = () => {};
  const working = new Promise<void>((resolve) => {
    resolveWorking = resolve;
  });

  /** Works until the signal fires; everything it knows is thrown away afterwards. */
  async function work(signal: AbortSignal): Promise<void> {
    const informers = createInformerFactory({ client, clock, random, log, streamingList: true });
    const hostName = options.hostName ?? "localhost";
    const contextOf = (own: Client): ControllerContext => {
      const events = createEventSink({ client: own, clock, log, hostName, signal });
      return { client: own, informers, clock, random, log, signal, settings, recorder: events.recorder };
    };
    const context = contextOf(client);
    const schedulerContext = contextOf(options.schedulerClient ?? client);
    const loops = enabled.map((descriptor) => ({
      name: descriptor.name,
      loop: descriptor.create(descriptor === scheduler ? schedulerContext : context),
    }));
    informers.start(signal);
    await Promise.race([informers.synced(), aborted(signal)]);
    if (signal.aborted) return;
    resolveWorking();
    log.info("controllers work", { controllers: enabled.map(({ name }) => name) });
    await Promise.all(
      loops.map(({ name, loop }) =>
        loop
          .run()
          .catch((error: unknown) => log.error("a controller failed", { name, error: errorText(error) })),
      ),
    );
  }

  async function elect(identity: string, signal: AbortSignal): Promise<void> {
    // The Lease lives in a namespace that on a fresh store only the elected one would make.
    for (let made = false; !made && !signal.aborted; ) {
      try {
        const metadata = { name: leaseNamespace };
        await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata });
        made = true;
      } catch (error) {
        made = isConflict(error);
        if (!made) await pause(clock, 200, signal);
      }
    }
    const lease = { namespace: leaseNamespace, name: "kube-controller-manager" };
    await runLeaderElection({ client, lease, identity, clock, random, log, signal, lead: work });
  }

  return {
    names: enabled.map(({ name }) => name),
    working,
    start() {
      const { signal } = stopping;
      if (options.leaderElection === undefined) {
        ended = work(signal);
        return;
      }
      ended = elect(options.leaderElection.identity, signal);
    },
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

/**
 * Upstream's `--controllers`: later entries win over "*".
 * @throws RangeError for a name that nothing has, and for one of upstream's that asks for something that cannot be here
 */
export function selectControllers(selection: string): ControllerDescriptor[] {
  const entries = selection
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  const chosen = new Set(
    entries.includes("*") ? controllerDescriptors.filter(({ offByDefault }) => offByDefault !== true) : [],
  );
  for (const entry of entries) {
    if (entry === "*") continue;
    const isOff = entry.startsWith("-");
    const descriptor = described(entry.replace(/^-/, ""), isOff);
    if (descriptor === undefined) continue;
    if (isOff) chosen.delete(descriptor);
    else chosen.add(descriptor);
  }
  return controllerDescriptors.filter((descriptor) => chosen.has(descriptor));
}

/** Undefined: there is none here, and nobody will miss it. @throws RangeError */
function described(name: string, isOff: boolean): ControllerDescriptor | undefined {
  const isMeant = (one: { readonly name: string; readonly aliases: readonly string[] }): boolean =>
    one.name === name || one.aliases.includes(name);
  const descriptor = controllerDescriptors.find(isMeant);
  if (descriptor !== undefined) return descriptor;
  const absent = absentControllers.find(isMeant);
  if (absent === undefined) {
    const known = [...controllerDescriptors, ...absentControllers].map((one) => one.name);
    throw new RangeError(`"${name}" is not in the list of known controllers: ${known.sort().join(", ")}`);
  }
  if (absent.refused && !isOff)
    throw new RangeError(`"${absent.name}" is not run here: ${absent.why}; leave it out of --controllers`);
  return undefined;
}
