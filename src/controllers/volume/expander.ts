import { compareQuantities } from "../../apimachinery/index.ts";
import { createWorkqueue, keyOf } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { persistentVolumeClaims } from "../resources.ts";
import { requestOf, sizeOf } from "./matching.ts";

/**
 * Tells a claim that asks for more than it has who will see to that: its driver's sidecar, as no kind of volume is grown from here any more.
 * k8s.io/kubernetes/pkg/controller/volume/expand.
 */
export const volumeExpander: ControllerDescriptor = {
  name: "persistentvolume-expander-controller",
  aliases: ["persistentvolume-expander"],
  create,
};

function create(context: ControllerContext): { run(): Promise<void> } {
  const { clock, log, signal, informers } = context;
  const claims = informers.informer(persistentVolumeClaims);
  const recorder = context.recorder("volume_expand");
  const queue = createWorkqueue({ name: "volume expansions", clock, log, process });
  claims.addHandler({
    update(claim, old) {
      if (compareQuantities(requestOf(claim), requestOf(old)) > 0) queue.add(keyOf(claim));
    },
  });

  async function process(key: string): Promise<void> {
    const claim = claims.lister.getByKey(key);
    if (claim?.["status"]?.phase !== "Bound") return;
    if (compareQuantities(requestOf(claim), sizeOf(claim["status"].capacity?.storage)) <= 0) return;
    const message = "waiting for an external controller to expand this PVC";
    recorder.event(claim, "Normal", "ExternalExpanding", message);
  }

  return { run: () => workUntil(signal, queue) };
}
