import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isNotFound } from "../owners.ts";
import { nodes } from "../resources.ts";

/**
 * Tells kubelets how long they may keep Secrets and ConfigMaps without asking again; longer in larger clusters.
 * k8s.io/kubernetes/pkg/controller/ttl.
 */
export const nodeTtlController: ControllerDescriptor = { name: "ttl-controller", aliases: ["ttl"], create };

const ttlAnnotation = "node.alpha.kubernetes.io/ttl";

/** Up to so many nodes, seconds. From step to step the sizes overlap, so that a cluster at a border does not flap. */
const steps = [
  { sizeMin: 0, sizeMax: 100, ttlSeconds: 0 },
  { sizeMin: 90, sizeMax: 500, ttlSeconds: 15 },
  { sizeMin: 450, sizeMax: 1_000, ttlSeconds: 30 },
  { sizeMin: 900, sizeMax: 2_000, ttlSeconds: 60 },
  { sizeMin: 1_800, sizeMax: Number.POSITIVE_INFINITY, ttlSeconds: 300 },
] as const;

function create({ client, clock, log, signal, informers }: ControllerContext): { run(): Promise<void> } {
  const known = informers.informer(nodes);
  let step = 0;
  const queue = createWorkqueue({ name: "node ttl", clock, log, process: annotate });

  function resize(): void {
    const before = step;
    const size = known.lister.size;
    while (size > steps[step as 0].sizeMax) step++;
    while (size < steps[step as 0].sizeMin) step--;
    if (step !== before) for (const { metadata } of known.lister.list()) queue.add(metadata.name as string);
  }

  known.addHandler({
    add({ metadata }) {
      resize();
      queue.add(metadata.name as string);
    },
    update(node) {
      if (ttlOf(node) !== wanted()) queue.add(node.metadata.name as string);
    },
    delete: resize,
  });

  const wanted = (): string => String(steps[step as 0].ttlSeconds);

  async function annotate(name: string): Promise<void> {
    const node = known.lister.get("", name);
    if (node === undefined || ttlOf(node) === wanted()) return;
    try {
      const body = { metadata: { annotations: { [ttlAnnotation]: wanted() } } };
      await client.patch(nodes, name, { type: "strategic", body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

function ttlOf(node: KubeObject): string | undefined {
  return node.metadata.annotations?.[ttlAnnotation];
}
