/** The claims of a StatefulSet's pods: made before the pod, and owned as the set's retention policy has it. */
import type { KubeObject } from "../../apimachinery/index.ts";
import { type Client, type EventRecorder, errorText, type Informer } from "../../client/index.ts";
import { isConflict, isNotFound } from "../owners.ts";
import { inNamespace, isTerminating, persistentVolumeClaims } from "../resources.ts";
import { correctedOwners, hasOtherController, hasStaleOwner, retentionOf } from "./claim-owners.ts";
import { claimsOf } from "./identity.ts";

export class SetClaims {
  readonly #client: Client;
  readonly #claims: Informer;
  readonly #recorder: EventRecorder;

  constructor(options: { client: Client; claims: Informer; recorder: EventRecorder }) {
    this.#client = options.client;
    this.#claims = options.claims;
    this.#recorder = options.recorder;
  }

  /**
   * Makes those that are missing; one that outlived its pod is taken again.
   * @throws Error with upstream's words for every claim that cannot be had
   */
  async make(set: KubeObject, ordinal: number): Promise<void> {
    const { namespace, name: setName } = set.metadata;
    const scope = inNamespace(persistentVolumeClaims, namespace);
    const pod = `${setName}-${ordinal}`;
    const failures: string[] = [];
    for (const wanted of claimsOf(set, ordinal)) {
      const name = wanted.metadata.name as string;
      const present = this.#claims.lister.get(namespace, name);
      if (present !== undefined) {
        if (isTerminating(present)) failures.push(`pvc ${name} is being deleted`);
        continue;
      }
      try {
        await this.#client.create(scope, wanted);
        const message = `Create Claim ${name} Pod ${pod} in StatefulSet ${setName} success`;
        this.#recorder.event(set, "Normal", "SuccessfulCreate", message);
      } catch (error) {
        // A server without claims has nodes that mount nothing: the pods can do without.
        if (isConflict(error) || isNotFound(error)) continue;
        const text = errorText(error);
        failures.push(`failed to create PVC ${name}: ${text}`);
        const message = `Create Claim ${name} for Pod ${pod} in StatefulSet ${setName} failed error: ${text}`;
        this.#recorder.event(set, "Warning", "FailedCreate", message);
      }
    }
    if (failures.length > 0)
      throw new Error(failures.length === 1 ? failures[0] : `[${failures.join(", ")}]`);
  }

  /**
   * Makes the claims of a pod follow whom they should; true where some did not.
   * @throws StatusError, of which the set is told
   */
  async keepOwners(set: KubeObject, pod: KubeObject, ordinal: number, scaledDown: boolean): Promise<boolean> {
    let changed = false;
    for (const claim of this.#of(set, ordinal)) {
      const parties = { claim, set, pod, scaledDown };
      const ownerReferences = correctedOwners(parties);
      if (ownerReferences === undefined) continue;
      const { namespace, name, ...metadata } = claim.metadata;
      if (hasOtherController(parties)) {
        const message = `PersistentVolumeClaim ${name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`;
        this.#recorder.event(set, "Warning", "ConflictingController", message);
      }
      const scope = inNamespace(persistentVolumeClaims, namespace);
      const next = { ...metadata, namespace, name, ownerReferences } as KubeObject["metadata"];
      try {
        await this.#client.update(scope, { ...claim, metadata: next });
      } catch (error) {
        const text = `could not update claim ${name} for delete policy ownerRefs: ${errorText(error)}`;
        const message = `Update Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} failed error: ${text}`;
        this.#recorder.event(set, "Warning", "FailedUpdate", message);
        throw error;
      }
      changed = true;
    }
    return changed;
  }

  /** A claim of the pod to be made still belongs to the one before it, and goes with that. */
  isStale(set: KubeObject, pod: KubeObject, ordinal: number): boolean {
    if (retentionOf(set).whenScaled !== "Delete") return false;
    return this.#of(set, ordinal).some((claim) => hasStaleOwner(claim, pod, "Pod"));
  }

  #of(set: KubeObject, ordinal: number): KubeObject[] {
    return claimsOf(set, ordinal)
      .map(({ metadata }) => this.#claims.lister.get(set.metadata.namespace, metadata.name as string))
      .filter((claim) => claim !== undefined);
  }
}
