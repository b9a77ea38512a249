import type { KubeObject } from "../apimachinery/index.ts";
import type { CertificatePair } from "../auth/index.ts";
import type { Client, EventRecorder, InformerFactory, Log } from "../client/index.ts";
import type { Clock, Random } from "../platform/index.ts";

/** What a controller works with. */
export interface ControllerContext {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Fires when the controllers of this process stop, or no longer lead. */
  readonly signal: AbortSignal;
  recorder(component: string): EventRecorder;
  readonly settings: ControllerSettings;
}

/** Length of the prefix of a node's part of the pods' range: 512 addresses, room for the 110 pods that a kubelet takes and those that end. */
export const nodeCidrMaskSize = 23;

export interface ControllerSettings {
  /** A node without a heartbeat for so long is not ready. Milliseconds. */
  readonly nodeMonitorGracePeriodMs: number;
  /** How often heartbeats are looked at. Milliseconds. */
  readonly nodeMonitorPeriodMs: number;
  /** Pods of a node that does not exist are deleted when it did not come back for so long. Milliseconds. */
  readonly podGcQuarantineMs: number;
  /** Finished pods from which on the oldest are deleted; 0: none is. */
  readonly terminatedPodThreshold: number;
  /** Addresses of pods, `10.128.0.0/12`; undefined: nodes get no range from here. */
  readonly clusterCidr: string | undefined;
  /** Length of the prefix that each node gets of it. */
  readonly nodeCidrMaskSize: number;
  /** PEM that pods and people find as `kube-root-ca.crt`; undefined: it is not published. */
  readonly rootCa: string | undefined;
  /** The authority that signs for Kubernetes' own signers; undefined: nobody does. */
  readonly signer: CertificatePair | undefined;
  /** Makes the token that a Secret holds for its ServiceAccount; undefined: such Secrets stay empty. */
  readonly issueSecretToken: ((account: KubeObject, secret: KubeObject) => string) | undefined;
}

/** A reconcile loop under its upstream name. */
export interface ControllerDescriptor {
  readonly name: string;
  /** Earlier or shorter names that `--controllers` takes too. */
  readonly aliases: readonly string[];
  /** Runs only where it is named: `*` does not mean it. */
  readonly offByDefault?: boolean;
  /**
   * Asks for its informers and sets its handlers, before anything is watched. `run` is called when the first lists are in;
   * it works until the context's signal fires and has then ended what it had in hand.
   */
  create(context: ControllerContext): { run(): Promise<void> };
}
