/**
 * The controllers of one server. Alone, they work at once. Of several members they work on the one that leads the store: it is the
 * first to know when another takes over, and one that does not know yet can write nothing, for its writes need the quorum it lost. So nobody has to
 * wait for a Lease to run out after a member died. Of several servers on an external store nobody leads: they compete for a Lease object,
 * under upstream's name, so that a kube-controller-manager beside them would wait as well.
 */

import type { AccessControl } from "../apiserver/index.ts";
import { noMember, unreachable } from "../base/index.ts";
import { type Client, runLeaderElection } from "../client/index.ts";
import { type ControllerManager, createControllerManager, selectControllers } from "../controllers/index.ts";
import type { Platform } from "../platform/index.ts";
import type { Replica } from "../replica/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { ApiPki } from "./certificates/pki.ts";
import type { ApiConfig } from "./config.ts";
import type { Leadership } from "./stores/backing-store.ts";

export interface RunningControllers {
  /** Those of this member have begun to work. Of several members: this one leads, or another does. */
  readonly working: Promise<void>;
  stop(): Promise<void>;
}

export function startControllers(options: {
  platform: Platform;
  config: ApiConfig;
  log: Log;
  pki: ApiPki;
  access: AccessControl;
  leadership: Leadership;
  /** The system's namespaces are there, and a Lease may be made. */
  namespaces: Promise<unknown>;
  client: (userAgent: string) => Client;
}): RunningControllers {
  const { platform, config, log, pki, access, leadership, client } = options;
  const create = (): ControllerManager => {
    const manager = createControllerManager({
      client: client("kube-controller-manager"),
      schedulerClient: client("kube-scheduler"),
      clock: platform.clock,
      random: platform.random,
      log: log.channel("controllers"),
      controllers: config.controllers,
      hostName: config.name,
      settings: {
        nodeMonitorGracePeriodMs: config.nodeMonitorGraceMs,
        terminatedPodThreshold: config.terminatedPodThreshold,
        clusterCidr: config.podCidr,
        rootCa: pki.rootCa,
        signer: pki.signer,
        issueSecretToken: access.forRegistry.issuer.issueLegacy,
      },
    });
    manager.start();
    return manager;
  };
  // A name that nothing has is refused now, not when this member first leads.
  if (selectControllers(config.controllers).length === 0)
    return { working: Promise.resolve(), stop: async () => {} };
  switch (leadership.by) {
    case "alone":
      return create();
    case "store":
      return followLeader(leadership.replica, create);
    case "lease":
      return competeForLease({ ...options, create });
    default:
      return unreachable(leadership);
  }
}

function followLeader(replica: Replica, create: () => ControllerManager): RunningControllers {
  let manager: ControllerManager | undefined;
  let stopped = false;
  // One after the other, so that a short reign's controllers have ended before the next one's begin.
  let changes = Promise.resolve();
  let resolveWorking: () => void = () => {};
  const working = new Promise<void>((resolve) => {
    resolveWorking = resolve;
  });
  const follow = () => {
    changes = changes.then(async () => {
      const { leader } = replica.status();
      const leads = leader === replica.memberId && !stopped;
      if (leads && manager === undefined) {
        manager = create();
        void manager.working.then(resolveWorking);
      } else if (!leads && manager !== undefined) {
        await manager.stop();
        manager = undefined;
      }
      if (!leads && leader !== noMember) resolveWorking();
    });
  };
  const unsubscribe = replica.onLeader(follow);
  follow();
  return {
    working,
    async stop() {
      stopped = true;
      unsubscribe();
      follow();
      await changes;
    },
  };
}

function competeForLease(options: {
  platform: Platform;
  config: ApiConfig;
  log: Log;
  namespaces: Promise<unknown>;
  client: (userAgent: string) => Client;
  create: () => ControllerManager;
}): RunningControllers {
  const { platform, config, namespaces, client, create } = options;
  const stopping = new AbortController();
  const working = Promise.withResolvers<void>();
  const identity = `${config.name}_${platform.random.uuid()}`;
  const lead = async (signal: AbortSignal): Promise<void> => {
    const manager = create();
    void manager.working.then(working.resolve);
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await manager.stop();
  };
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const candidacy = Promise.race([namespaces, stopped]).then(() =>
    runLeaderElection({
      client: client("leader-election"),
      lease: { namespace: "kube-system", name: "kube-controller-manager" },
      identity,
      clock: platform.clock,
      random: platform.random,
      log: options.log.channel("controllers"),
      signal: stopping.signal,
      lead,
      onNewLeader: (leader) => {
        if (leader !== identity) working.resolve();
      },
    }),
  );
  candidacy.catch(() => {});
  return {
    working: working.promise,
    async stop() {
      stopping.abort();
      await candidacy.catch(() => {});
    },
  };
}
