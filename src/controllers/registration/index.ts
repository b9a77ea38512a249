import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import { managedByLabel, registrationManager } from "../../registration/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isConflict, isNotFound } from "../owners.ts";
import { endpointSlices, inNamespace, leases } from "../resources.ts";

/**
 * Removes endpoints that nobody vouches for any more: the slice of a registration goes when its Lease, of the same name, has run out or was
 * deleted (src/registration). Whether it was renewed is counted by this process's clock from when it saw so; nobody else's is trusted.
 */
export const registrationController: ControllerDescriptor = {
  name: "registration-controller",
  aliases: ["registration"],
  create,
};

/** A slice may be there before its Lease; after so long it never had one. */
const missingLeaseGraceMs = 10_000;

/** Of a Lease that does not say how long it holds; upstream's for nodes. */
const leaseSecondsDefault = 40;

function create({ client, clock, log, signal, informers }: ControllerContext): { run(): Promise<void> } {
  const labelSelector = `${managedByLabel}=${registrationManager}`;
  const slices = informers.informer({ ...endpointSlices, labelSelector });
  const held = informers.informer({ ...leases, labelSelector });
  /** When each was last renewed, or first seen without a Lease. */
  const heard = new Map<string, { said: string; atMs: number }>();
  const queue = createWorkqueue({ name: "registrations", clock, log, process: reconcile });
  const look = (object: KubeObject): void => queue.add(keyOf(object));
  slices.addHandler({ add: look, update: look, delete: look });
  held.addHandler({
    add: look,
    update: look,
    delete(lease) {
      // No grace for what had one.
      heard.set(keyOf(lease), { said: "", atMs: Number.NEGATIVE_INFINITY });
      look(lease);
    },
  });

  async function reconcile(key: string): Promise<void> {
    const slice = slices.lister.getByKey(key);
    const lease = held.lister.getByKey(key);
    if (slice === undefined && lease === undefined) {
      heard.delete(key);
      return;
    }
    const leftMs = timeLeft(key, lease);
    if (leftMs > 0) {
      queue.addAfter(key, leftMs + 1);
      return;
    }
    const { namespace, name } = splitKey(key);
    if (lease !== undefined) {
      try {
        // Renewed in this very moment, it stays.
        const { uid, resourceVersion } = lease.metadata;
        await client.delete(inNamespace(leases, namespace), name, {
          preconditions: { uid: uid as string, resourceVersion: resourceVersion as string },
        });
      } catch (error) {
        if (isConflict(error)) return;
        if (!isNotFound(error)) throw error;
      }
    }
    if (slice === undefined) return;
    log.info("a registration ran out", { slice: key, holder: lease?.spec?.holderIdentity ?? "" });
    try {
      const preconditions = { uid: slice.metadata.uid as string };
      await client.delete(inNamespace(endpointSlices, namespace), name, { preconditions });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  function timeLeft(key: string, lease: KubeObject | undefined): number {
    const said =
      lease === undefined
        ? ""
        : `${lease.metadata.uid} ${lease.spec?.holderIdentity} ${lease.spec?.renewTime}`;
    const graceMs =
      lease === undefined
        ? missingLeaseGraceMs
        : (lease.spec?.leaseDurationSeconds ?? leaseSecondsDefault) * 1000;
    const now = clock.monotonic();
    let last = heard.get(key);
    if (last === undefined || (lease !== undefined && last.said !== said)) {
      last = { said, atMs: now };
      heard.set(key, last);
    }
    return last.atMs + graceMs - now;
  }

  return { run: () => workUntil(signal, queue) };
}
