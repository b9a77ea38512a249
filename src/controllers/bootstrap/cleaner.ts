import { createWorkqueue, keyOf, splitKey } from "../../client/index.ts";
import type { ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isConflict, isNotFound } from "../owners.ts";
import { inNamespace, secrets } from "../resources.ts";
import { bootstrapSecrets, timeLeftMs } from "./tokens.ts";

/** A timer waits no longer; what is due later is looked at again then. Milliseconds. */
const longestWaitMs = 24 * 60 * 60_000;

/** Deletes bootstrap tokens whose time is over: pkg/controller/bootstrap tokencleaner. */
export const bootstrapTokenCleaner: ControllerDescriptor = {
  name: "token-cleaner-controller",
  aliases: ["tokencleaner"],
  offByDefault: true,
  create({ client, informers, clock, log, signal }) {
    const known = informers.informer(bootstrapSecrets);
    const queue = createWorkqueue({ name: "bootstrap tokens", clock, log, process });
    known.addHandler({
      add: (secret) => queue.add(keyOf(secret)),
      update: (secret) => queue.add(keyOf(secret)),
    });

    async function process(key: string): Promise<void> {
      const secret = known.lister.getByKey(key);
      if (secret === undefined) return;
      const left = timeLeftMs(secret, clock.now());
      if (left > 0) {
        if (Number.isFinite(left)) queue.addAfter(key, Math.min(left, longestWaitMs));
        return;
      }
      const { namespace, name } = splitKey(key);
      const preconditions = { uid: secret.metadata.uid as string };
      try {
        await client.delete(inNamespace(secrets, namespace), name, { preconditions });
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
    }

    return { run: () => workUntil(signal, queue) };
  },
};
