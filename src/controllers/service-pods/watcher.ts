/**
 * Which Services a change concerns. Both endpoints controllers work a queue of Services; a change of a pod, of a Service or of
 * a node (a pod on a node that does not exist is nobody's endpoint) wakes those that it touches, at once: nothing is
 * batched, since discovery must follow a scaling within milliseconds. Many changes of one round still cost one
 * write, because a key waits in the queue only once.
 */
import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import { type Informer, keyOf } from "../../client/index.ts";
import type { ControllerContext } from "../context.ts";
import { isPodReady } from "../pods.ts";
import { isTerminating, matchesSelectorMap, nodes, pods, services } from "../resources.ts";

export interface ServicePods {
  readonly services: Informer;
  readonly pods: Informer;
  readonly nodes: Informer;
  /** The pods that the Service selects, finished ones too. */
  selectedBy(service: KubeObject): KubeObject[];
  /** The pod is not bound, or its node exists. */
  nodeExists(pod: KubeObject): boolean;
}

const nodeIndex = "node-name";
/** Pods under each of their labels, and Services under one entry of their selector: neither is looked for among all there are. */
const labelIndex = "label";
const selectorIndex = "selector";

const labelKey = (namespace: string | undefined, key: string, value: string): string =>
  `${namespace ?? ""}/${key}=${value}`;

function labelKeys({ metadata: { namespace, labels } }: KubeObject): string[] {
  return Object.entries(labels ?? {}).map(([key, value]) => labelKey(namespace, key, value));
}

/** Undefined of a Service that selects nothing. */
function selectorKey({ metadata: { namespace }, spec }: KubeObject): string | undefined {
  const selector: Record<string, string> = spec?.selector ?? {};
  for (const key in selector) return labelKey(namespace, key, selector[key] as string);
  return undefined;
}

export function watchServicePods(
  context: ControllerContext,
  wake: (serviceKey: string) => void,
): ServicePods {
  const serviceInformer = context.informers.informer(services);
  const podInformer = context.informers.informer(pods);
  const nodeInformer = context.informers.informer(nodes);
  podInformer.addIndex(nodeIndex, (pod) => [pod.spec?.nodeName ?? ""]);
  podInformer.addIndex(labelIndex, labelKeys);
  serviceInformer.addIndex(selectorIndex, (service) => {
    const key = selectorKey(service);
    return key === undefined ? [] : [key];
  });

  function wakeSelecting(pod: KubeObject): void {
    for (const key of labelKeys(pod)) {
      for (const service of serviceInformer.lister.byIndex(selectorIndex, key)) {
        if (matchesSelectorMap(service.spec?.selector, pod.metadata.labels)) wake(keyOf(service));
      }
    }
  }

  function wakeOnNode(node: KubeObject): void {
    for (const pod of podInformer.lister.byIndex(nodeIndex, node.metadata.name as string)) wakeSelecting(pod);
  }

  serviceInformer.addHandler({
    add: (service) => wake(keyOf(service)),
    update: (service) => wake(keyOf(service)),
    delete: (service) => wake(keyOf(service)),
  });
  podInformer.addHandler({
    add: wakeSelecting,
    update(pod, old) {
      const labelsChanged = !deepEqual(pod.metadata.labels, old.metadata.labels);
      if (!labelsChanged && !endpointChanged(pod, old)) return;
      wakeSelecting(pod);
      if (labelsChanged) wakeSelecting(old);
    },
    delete: wakeSelecting,
  });
  nodeInformer.addHandler({
    add: wakeOnNode,
    update(node, old) {
      if (zoneOf(node) !== zoneOf(old)) wakeOnNode(node);
    },
    delete: wakeOnNode,
  });

  return {
    services: serviceInformer,
    pods: podInformer,
    nodes: nodeInformer,
    selectedBy(service) {
      const key = selectorKey(service);
      if (key === undefined) return [];
      return podInformer.lister
        .byIndex(labelIndex, key)
        .filter((pod) => matchesSelectorMap(service.spec?.selector, pod.metadata.labels));
    },
    nodeExists(pod) {
      const name: string = pod.spec?.nodeName ?? "";
      return name === "" || nodeInformer.lister.get("", name) !== undefined;
    },
  };
}

export function zoneOf(node: KubeObject | undefined): string | undefined {
  return node?.metadata.labels?.["topology.kubernetes.io/zone"];
}

/** Anything that an endpoint shows of its pod. */
function endpointChanged(pod: KubeObject, old: KubeObject): boolean {
  return (
    pod.metadata.uid !== old.metadata.uid ||
    isPodReady(pod) !== isPodReady(old) ||
    isTerminating(pod) !== isTerminating(old) ||
    pod.status?.phase !== old.status?.phase ||
    pod.status?.podIP !== old.status?.podIP ||
    !deepEqual(pod.status?.podIPs, old.status?.podIPs) ||
    pod.spec?.nodeName !== old.spec?.nodeName ||
    pod.spec?.hostname !== old.spec?.hostname ||
    pod.spec?.subdomain !== old.spec?.subdomain
  );
}
