import { deepEqual, type KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, splitKey } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isConflict, isNamespaceTerminating, isNotFound } from "../owners.ts";
import { endpoints as endpointsResource, inNamespace, isTerminating } from "../resources.ts";
import { isHeadless } from "../service-pods/ports.ts";
import { TriggerTimes, triggerTimeAnnotation } from "../service-pods/trigger-time.ts";
import { watchServicePods } from "../service-pods/watcher.ts";
import { subsetsOf, truncated } from "./subsets.ts";

/** Keeps the Endpoints of every Service with a selector: k8s.io/kubernetes/pkg/controller/endpoint. */
export const endpointsController: ControllerDescriptor = {
  name: "endpoints-controller",
  aliases: ["endpoint", "endpoints"],
  create,
};

const managedByLabel = "endpoints.kubernetes.io/managed-by";
const managedBy = "endpoint-controller";
const headlessLabel = "service.kubernetes.io/headless";
const overCapacityAnnotation = "endpoints.kubernetes.io/over-capacity";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal } = context;
  const known = context.informers.informer(endpointsResource);
  const recorder = context.recorder("endpoint-controller");
  const queue = createWorkqueue({ name: "Endpoints", clock, log, process: reconcile });
  const triggers = new TriggerTimes();
  const sources = watchServicePods(context, (key) => queue.add(key));
  known.addHandler({
    // Whoever deletes the Endpoints of a Service gets them back; those whose Service is gone are removed.
    delete: ({ metadata }) => queue.add(`${metadata.namespace}/${metadata.name}`),
    add(object, initial) {
      if (initial && object.metadata.labels?.[managedByLabel] === managedBy) {
        queue.add(`${object.metadata.namespace}/${object.metadata.name}`);
      }
    },
  });

  async function reconcile(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const scope = inNamespace(endpointsResource, namespace);
    const service = sources.services.lister.getByKey(key);
    const current = known.lister.getByKey(key);
    if (service === undefined) {
      triggers.forget(key);
      if (current === undefined) return;
      try {
        await client.delete(scope, name);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      return;
    }
    // Without a selector, the Endpoints are somebody else's to write.
    if (service.spec?.selector === undefined || service.spec.type === "ExternalName") return;
    const pods = sources.selectedBy(service);
    const trigger = triggers.next(key, service, pods);
    const wanted = subsetsOf(service, pods.filter(sources.nodeExists));
    const cut = truncated(wanted);
    const subsets = cut ?? wanted;
    const labels = labelsOf(service);
    if (
      current !== undefined &&
      deepEqual(current.subsets ?? [], subsets) &&
      deepEqual(current.metadata.labels ?? {}, labels) &&
      (current.metadata.annotations?.[overCapacityAnnotation] === "truncated") === (cut !== undefined)
    ) {
      return;
    }
    const annotations = { ...current?.metadata.annotations };
    delete annotations[triggerTimeAnnotation];
    delete annotations[overCapacityAnnotation];
    if (trigger !== undefined) annotations[triggerTimeAnnotation] = trigger;
    if (cut !== undefined) annotations[overCapacityAnnotation] = "truncated";
    const object: KubeObject = {
      apiVersion: "v1",
      kind: "Endpoints",
      metadata: { ...(current?.metadata ?? { name, namespace }), labels, annotations },
      ...(subsets.length === 0 ? {} : { subsets }),
    };
    const creates = current === undefined;
    try {
      if (creates) await client.create(scope, object);
      else await client.update(scope, object);
    } catch (error) {
      if (isNamespaceTerminating(error) || (isTerminating(service) && isNotFound(error))) return;
      if (!isConflict(error) && !isNotFound(error)) {
        const verb = creates ? "create" : "update";
        recorder.event(
          { apiVersion: "v1", kind: "Endpoints", metadata: { name, namespace } },
          "Warning",
          creates ? "FailedToCreateEndpoint" : "FailedToUpdateEndpoint",
          `Failed to ${verb} endpoint ${key}: ${errorText(error)}`,
        );
      }
      throw error;
    }
  }

  return { run: () => workUntil(signal, queue) };
}

/** The Service's own, and what says that this controller keeps the object. */
function labelsOf(service: KubeObject): Record<string, string> {
  const labels: Record<string, string> = { ...service.metadata.labels, [managedByLabel]: managedBy };
  delete labels[headlessLabel];
  return isHeadless(service) ? { ...labels, [headlessLabel]: "" } : labels;
}
