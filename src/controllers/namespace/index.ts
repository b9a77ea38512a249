import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isConflict, isNamespaceTerminating } from "../owners.ts";
import { configMaps, inNamespace, isTerminating, namespaces, serviceAccounts } from "../resources.ts";
import { deleteContent } from "./deletion.ts";

/**
 * So long a namespace that is being deleted is left as it is, as upstream: every API server has heard by then, so that nothing is made
 * behind the controller's back, and people see what they have begun.
 */
const deletionDelayMs = 5_000;

/** Empties namespaces that are being deleted: see deletion.ts. */
export const namespaceController: ControllerDescriptor = {
  name: "namespace-controller",
  aliases: ["namespace"],
  create({ client, clock, log, signal, informers }) {
    const known = informers.informer(namespaces);
    const queue = createWorkqueue({
      name: "Namespace",
      clock,
      log,
      // What goes by itself (pods with grace, objects with finalizers) is looked for, not heard of.
      retryBaseMs: 50,
      retryMaxMs: 10_000,
      async process(name) {
        const namespace = known.lister.get("", name);
        if (namespace !== undefined && isTerminating(namespace)) {
          await deleteContent(client, namespace, clock.now());
        }
      },
    });
    const wake = (namespace: KubeObject): void => {
      if (isTerminating(namespace)) queue.addAfter(namespace.metadata.name as string, deletionDelayMs);
    };
    known.addHandler({
      add: wake,
      update(next, old) {
        // Its own status writes are no reason to look again before the delay is over.
        if (!isTerminating(old) || next.spec?.finalizers?.length !== old.spec?.finalizers?.length) wake(next);
      },
    });
    return { run: () => workUntil(signal, queue) };
  },
};

/** Every namespace has a ServiceAccount `default`, which pods that name none run as. */
export const serviceAccountController: ControllerDescriptor = {
  name: "serviceaccount-controller",
  aliases: ["serviceaccount"],
  create: (context) =>
    keepInEveryNamespace(context, serviceAccounts, () => ({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "default" },
    })),
};

const rootCaDescription =
  "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal " +
  "service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/** Every namespace has a ConfigMap `kube-root-ca.crt`, by which pods trust the API server. */
export const rootCaPublisher: ControllerDescriptor = {
  name: "root-ca-certificate-publisher-controller",
  aliases: ["root-ca-cert-publisher"],
  create(context) {
    const { rootCa } = context.settings;
    if (rootCa === undefined) return { run: async () => {} };
    return keepInEveryNamespace(context, configMaps, () => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "kube-root-ca.crt",
        annotations: { "kubernetes.io/description": rootCaDescription },
      },
      data: { "ca.crt": rootCa },
    }));
  },
};

/** Makes an object in every namespace, and keeps what its `data` says. */
function keepInEveryNamespace(
  { client, clock, log, signal, informers }: ControllerContext,
  resource: typeof configMaps,
  make: () => KubeObject,
): { run(): Promise<void> } {
  const wanted = make();
  const name = wanted.metadata.name as string;
  const owners = informers.informer(namespaces);
  const known = informers.informer({ ...resource, fieldSelector: `metadata.name=${name}` });
  const queue = createWorkqueue({
    name: `${resource.resource} ${name}`,
    clock,
    log,
    async process(namespace) {
      const owner = owners.lister.get("", namespace);
      if (owner === undefined || isTerminating(owner)) return;
      const present = known.lister.get(namespace, name);
      const scope = inNamespace(resource, namespace);
      if (present === undefined) {
        await ignoringExisting(
          client.create(scope, { ...wanted, metadata: { ...wanted.metadata, namespace } }),
        );
      } else if (JSON.stringify(present.data) !== JSON.stringify(wanted.data)) {
        await client.update(scope, { ...present, data: wanted.data });
      }
    },
  });
  owners.addHandler({
    add: ({ metadata }) => queue.add(metadata.name as string),
    update: ({ metadata }) => queue.add(metadata.name as string),
  });
  const wake = ({ metadata }: KubeObject): void => queue.add(metadata.namespace as string);
  known.addHandler({ update: wake, delete: wake });
  return { run: () => workUntil(signal, queue) };
}

/** Another member may have been first, or the namespace is going. */
async function ignoringExisting(creation: Promise<KubeObject>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if (!isConflict(error) && !isNamespaceTerminating(error)) throw error;
  }
}
