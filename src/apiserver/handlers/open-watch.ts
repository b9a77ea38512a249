/** What watches have in common, however their events go out. */
import { errors, type Status } from "../../apimachinery/index.ts";
import { apiVersionOf, transientObject } from "../../registry/index.ts";
import type { StorageError, StorageEvent, StorageWatch, Stored } from "../../storage/index.ts";
import type { ResourceCall } from "./call.ts";

/** The watch lasts until its time is over, the server closes, or what is answered here is called. */
export function holdOpen(
  call: ResourceCall,
  open: StorageWatch,
  timeoutSeconds: number,
  end: () => void,
): () => void {
  const { context, deps } = call;
  context.state.streaming = true;
  const timer = deps.clock.after(timeoutSeconds * 1000, end, { background: true });
  const forget = deps.watches.add(end, call);
  return () => {
    timer.cancel();
    forget();
    open.close();
  };
}

/** An object of the kind that has nothing but a resourceVersion. */
export function bookmark(
  { handler: { kind } }: ResourceCall,
  { resourceVersion, initialEventsEnd }: Extract<StorageEvent, { type: "BOOKMARK" }>,
): Stored {
  return transientObject("", {
    kind: kind.kind,
    apiVersion: apiVersionOf(kind),
    metadata: {
      resourceVersion,
      ...(initialEventsEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
    },
  });
}

/** What ended a watch, as its last event says it. */
export function statusOf(error: StorageError): Status {
  if (error.code === "EXPIRED") return errors.expired(error.message).status;
  return errors.internalError(error.message).status;
}
