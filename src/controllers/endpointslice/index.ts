import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isAtLeast } from "../own-writes.ts";
import { controllerReference, isConflict, isNamespaceTerminating, isNotFound } from "../owners.ts";
import { endpointSlices, inNamespace, isTerminating } from "../resources.ts";
import { isHeadless, publishesNotReady } from "../service-pods/ports.ts";
import { TriggerTimes, triggerTimeAnnotation } from "../service-pods/trigger-time.ts";
import { watchServicePods } from "../service-pods/watcher.ts";
import { type AddressType, addressTypesOf, endpointOf, slicePorts, withHints } from "./endpoint.ts";
import { planSlices, type SliceContent, type SlicePlan, type WantedGroup } from "./plan.ts";
import { hintZones, wantsZoneHints, zoneShares } from "./zone-hints.ts";

/** Keeps the EndpointSlices of every Service with a selector: k8s.io/endpointslice. */
export const endpointSliceController: ControllerDescriptor = {
  name: "endpointslice-controller",
  aliases: ["endpointslice"],
  create,
};

const managedByLabel = "endpointslice.kubernetes.io/managed-by";
const managedBy = "endpointslice-controller.k8s.io";
const serviceLabel = "kubernetes.io/service-name";
const headlessLabel = "service.kubernetes.io/headless";
const serviceIndex = "service";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const known = context.informers.informer(endpointSlices);
  known.addIndex(serviceIndex, (slice) =>
    slice.metadata.labels?.[managedByLabel] === managedBy ? [serviceKeyOf(slice)] : [],
  );
  const recorder = context.recorder("endpoint-slice-controller");
  const queue = createWorkqueue({ name: "EndpointSlice", clock, log, process: reconcile });
  const triggers = new TriggerTimes();
  /** Versions of slices that this controller wrote and the informer has not shown yet: acting on older ones would double endpoints. */
  const written = new Map<string, Map<string, string | undefined>>();
  /** Services whose endpoints have been given zones to serve. */
  const hinted = new Set<string>();
  const sources = watchServicePods(context, (key) => queue.add(key));
  known.addHandler({
    add: seen,
    update(slice, old) {
      seen(slice);
      // Somebody took the slice from its Service: that one must not wait for it any more.
      if (serviceKeyOf(slice) === serviceKeyOf(old) && slice.metadata.labels?.[managedByLabel] === managedBy)
        return;
      written.get(serviceKeyOf(old))?.delete(old.metadata.name as string);
      queue.add(serviceKeyOf(old));
    },
    delete(slice) {
      written.get(serviceKeyOf(slice))?.delete(slice.metadata.name as string);
      queue.add(serviceKeyOf(slice));
    },
  });

  function seen(slice: KubeObject): void {
    const key = serviceKeyOf(slice);
    const expected = written.get(key);
    const name = slice.metadata.name as string;
    const version = expected?.get(name);
    if (
      expected !== undefined &&
      (version === undefined || isAtLeast(slice.metadata.resourceVersion, version))
    ) {
      expected.delete(name);
      if (expected.size === 0) written.delete(key);
    }
    queue.add(key);
  }

  async function reconcile(key: string): Promise<void> {
    const { namespace } = splitKey(key);
    const scope = inNamespace(endpointSlices, namespace);
    const service = sources.services.lister.getByKey(key);
    const existing = known.lister.byIndex(serviceIndex, key).filter((slice) => !isTerminating(slice));
    if (service === undefined) {
      triggers.forget(key);
      written.delete(key);
      hinted.delete(key);
      for (const slice of existing) await removeSlice(slice);
      return;
    }
    if (service.spec?.selector === undefined || service.spec.type === "ExternalName") return;
    // The informer will wake this Service again when it shows what was written.
    if ((written.get(key)?.size ?? 0) > 0) return;
    const pods = sources.selectedBy(service);
    const trigger = triggers.next(key, service, pods);
    const types = addressTypesOf(service);
    for (const slice of existing) if (!types.includes(slice.addressType)) await removeSlice(slice);
    for (const addressType of types) {
      const ofType = existing.filter((slice) => slice.addressType === addressType);
      const groups = hintedGroups(key, service, wantedGroups(service, pods, addressType), addressType);
      const plan = planSlices(ofType, groups);
      addOutdated(plan, ofType, service);
      await execute(key, service, addressType, plan, trigger);
    }

    async function removeSlice(slice: KubeObject): Promise<void> {
      try {
        await client.delete(scope, slice.metadata.name as string);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  function wantedGroups(service: KubeObject, pods: readonly KubeObject[], type: AddressType): WantedGroup[] {
    const groups = new Map<
      string,
      { ports: WantedGroup["ports"]; endpoints: WantedGroup["endpoints"][number][] }
    >();
    for (const pod of pods) {
      if (!sources.nodeExists(pod) && !publishesNotReady(service)) continue;
      const node = sources.nodes.lister.get("", pod.spec?.nodeName ?? "");
      const endpoint = endpointOf(service, pod, node, type);
      if (endpoint === undefined) continue;
      const ports = slicePorts(service, pod);
      if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue;
      const key = JSON.stringify(ports);
      const group = groups.get(key) ?? { ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpoint);
    }
    return [...groups.values()];
  }

  /** With the nodes or zones that each endpoint is to serve, where the Service asks for that. */
  function hintedGroups(
    key: string,
    service: KubeObject,
    groups: readonly WantedGroup[],
    addressType: AddressType,
  ): WantedGroup[] {
    const tell = (type: "Normal" | "Warning", reason: string, message: string): void =>
      recorder.event(service, type, reason, `${message}, addressType: ${addressType}`);
    if (!wantsZoneHints(service)) {
      if (hinted.delete(key))
        tell("Warning", "TopologyAwareHintsDisabled", "Topology Aware Hints has been disabled");
      return groups.map(({ ports, endpoints }) => ({ ports, endpoints: withHints(service, endpoints) }));
    }
    const all = groups.flatMap(({ endpoints }) => endpoints);
    const found = hintZones(all, zoneShares(sources.nodes.lister.list()));
    if (typeof found === "string") {
      hinted.delete(key);
      tell("Warning", "TopologyAwareHintsDisabled", found);
      return [...groups];
    }
    if (!hinted.has(key)) {
      hinted.add(key);
      tell("Normal", "TopologyAwareHintsEnabled", "Topology Aware Hints has been enabled");
    }
    const left = [...found];
    return groups.map(({ ports, endpoints }) => ({ ports, endpoints: left.splice(0, endpoints.length) }));
  }

  async function execute(
    key: string,
    service: KubeObject,
    addressType: AddressType,
    plan: SlicePlan,
    trigger: string | undefined,
  ): Promise<void> {
    const scope = inNamespace(endpointSlices, service.metadata.namespace);
    const expect = (slice: KubeObject, version: string | undefined): void => {
      const shown = known.lister.get(slice.metadata.namespace, slice.metadata.name as string);
      if (version !== undefined && isAtLeast(shown?.metadata.resourceVersion, version)) return;
      const expected = written.get(key) ?? new Map<string, string | undefined>();
      written.set(key, expected);
      expected.set(slice.metadata.name as string, version);
    };
    try {
      for (const content of plan.create) {
        const slice = await client.create(scope, sliceOf(service, addressType, content, undefined, trigger));
        expect(slice, slice.metadata.resourceVersion);
      }
      for (const { slice, content } of plan.update) {
        const updated = await client.update(scope, sliceOf(service, addressType, content, slice, trigger));
        expect(updated, updated.metadata.resourceVersion);
      }
      for (const slice of plan.remove) {
        try {
          await client.delete(scope, slice.metadata.name as string);
          if (known.lister.getByKey(`${slice.metadata.namespace}/${slice.metadata.name}`) !== undefined) {
            expect(slice, undefined);
          }
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
    } catch (error) {
      if (isNamespaceTerminating(error) || (isTerminating(service) && isNotFound(error))) return;
      if (!isConflict(error) && !isNotFound(error)) {
        const message = `Error updating Endpoint Slices for Service ${key}: ${errorText(error)}`;
        recorder.event(service, "Warning", "FailedToUpdateEndpointSlices", message);
      }
      throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

/** Slices whose labels follow the Service no more are written too, whatever they hold. */
function addOutdated(plan: SlicePlan, existing: readonly KubeObject[], service: KubeObject): void {
  const labels = labelsOf(service);
  const planned = new Set([...plan.update.map(({ slice }) => slice), ...plan.remove]);
  for (const slice of existing) {
    if (planned.has(slice) || deepEqual(slice.metadata.labels ?? {}, labels)) continue;
    plan.update.push({ slice, content: { ports: slice.ports ?? [], endpoints: slice.endpoints ?? [] } });
  }
}

function sliceOf(
  service: KubeObject,
  addressType: AddressType,
  content: SliceContent,
  current: KubeObject | undefined,
  trigger: string | undefined,
): KubeObject {
  const annotations = { ...current?.metadata.annotations };
  delete annotations[triggerTimeAnnotation];
  if (trigger !== undefined) annotations[triggerTimeAnnotation] = trigger;
  const namespace = service.metadata.namespace as string;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      ...(current?.metadata ?? {
        generateName: `${service.metadata.name}-`,
        namespace,
        ownerReferences: [controllerReference(service, "v1", "Service")],
      }),
      labels: labelsOf(service),
      annotations,
    },
    addressType,
    // Upstream's controllers send protobuf, in which an empty list is none: nobody owns it.
    ...(content.endpoints.length > 0 && { endpoints: content.endpoints }),
    ...(content.ports.length > 0 && { ports: content.ports }),
  };
}

/** The Service's own, but for those that say whose slice it is. */
function labelsOf(service: KubeObject): Record<string, string> {
  const labels = { ...service.metadata.labels };
  delete labels[headlessLabel];
  labels[managedByLabel] = managedBy;
  labels[serviceLabel] = service.metadata.name as string;
  if (isHeadless(service)) labels[headlessLabel] = "";
  return labels;
}

function serviceKeyOf(slice: KubeObject): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceLabel] ?? ""}`;
}
