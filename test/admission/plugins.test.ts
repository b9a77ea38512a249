import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AdmissionReader,
  type AdmissionRequest,
  type AdmissionSelection,
  createAdmission,
} from "../../src/admission/index.ts";
import { type KubeObject, StatusError } from "../../src/apimachinery/index.ts";
import type { AccessRequest } from "../../src/auth/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

type Objects = Record<string, KubeObject>;

const object = (fields: object): KubeObject => ({ metadata: {}, ...fields });
const active = object({ status: { phase: "Active" } });

function admission(
  objects: Objects,
  clock = new ManualClock(),
  selection?: AdmissionSelection,
  allows: (request: AccessRequest) => boolean = () => true,
): ReturnType<typeof createAdmission> {
  const reader: AdmissionReader = {
    get: async ({ resource }, { namespace, name }) =>
      objects[`${resource}/${namespace === "" ? "" : `${namespace}/`}${name}`],
    list: async ({ resource }) =>
      Object.entries(objects).flatMap(([key, value]) => (key.startsWith(`${resource}/`) ? [value] : [])),
  };
  const views = {
    of: ({ resource }: { resource: string }) => {
      const all = Object.entries(objects).flatMap(([key, value]) =>
        key.startsWith(`${resource}/`) ? [value] : [],
      );
      return { all, inNamespace: () => all, generation: 0 };
    },
    synced: true,
    whenSynced: Promise.resolve(),
  };
  const writer = { read: async () => undefined, updateStatus: async () => {} };
  const authorizer = { authorize: (asked: AccessRequest) => ({ allowed: allows(asked), reason: "" }) };
  const client = {
    post: async () => assert.fail("nobody is asked"),
  };
  return createAdmission({
    reader,
    writer,
    views,
    authorizer,
    kinds: () => undefined,
    client,
    clock,
    random: nodePlatform().random,
    selection,
  });
}

function request(resource: string, fields: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    operation: "CREATE",
    resource: { group: "", version: "v1", resource },
    subresource: "",
    kind: { group: "", version: "v1", kind: resource === "pods" ? "Pod" : "ConfigMap" },
    namespace: "default",
    name: "",
    user: { name: "admin", groups: [] },
    dryRun: false,
    object: { metadata: { name: "x" }, spec: { containers: [{ name: "c", image: "i" }] } },
    old: undefined,
    ...fields,
  };
}

async function refusal(promise: Promise<void>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return error.message;
  }
  assert.fail("it was let through");
}

test("nothing is created in a namespace that there is not", async () => {
  const message = await refusal(admission({}).mutate(request("configmaps")));
  assert.equal(message, 'namespaces "default" not found');
});

test("nothing new is created in a namespace that ends, but what is there can change and go", async () => {
  const ending = admission({ "namespaces/default": object({ status: { phase: "Terminating" } }) });
  assert.equal(
    await refusal(ending.mutate(request("configmaps"))),
    'configmaps "x" is forbidden: unable to create new content in namespace default because it is being terminated',
  );
  await ending.mutate(request("configmaps", { operation: "UPDATE" }));
  await ending.mutate(request("configmaps", { operation: "DELETE", object: undefined }));
});

test("the namespaces that the server lives in cannot be deleted", async () => {
  const message = await refusal(
    admission({}).mutate(
      request("namespaces", { operation: "DELETE", name: "kube-system", object: undefined }),
    ),
  );
  assert.equal(message, 'namespaces "kube-system" is forbidden: this namespace may not be deleted');
});

test("a pod gets its account, the token's volume, tolerations and a priority", async () => {
  const pods = request("pods");
  await admission({ "namespaces/default": active, "serviceaccounts/default/default": object({}) }).mutate(
    pods,
  );
  const spec = pods.object?.["spec"];
  assert.equal(spec.serviceAccountName, "default");
  assert.equal(spec.volumes.length, 1);
  assert.equal(spec.containers[0].volumeMounts[0].name, spec.volumes[0].name);
  assert.equal(spec.tolerations.length, 2);
  assert.equal(spec.priority, 0);
});

test("an account that does not mount its token leaves the pod without a volume; its pull secrets are passed on", async () => {
  const pods = request("pods");
  const quiet = object({ automountServiceAccountToken: false, imagePullSecrets: [{ name: "reg" }] });
  await admission({ "namespaces/default": active, "serviceaccounts/default/default": quiet }).mutate(pods);
  assert.equal(pods.object?.["spec"].volumes, undefined);
  assert.deepEqual(pods.object?.["spec"].imagePullSecrets, [{ name: "reg" }]);
});

test("a pod waits a moment for the default account of a new namespace", async () => {
  const objects: Objects = { "namespaces/default": active };
  const clock = new ManualClock();
  const pods = request("pods");
  let settled = false;
  const done = admission(objects, clock)
    .mutate(pods)
    .then(() => (settled = true));
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(settled, false);
  objects["serviceaccounts/default/default"] = object({});
  clock.advance(250);
  await done;
  assert.equal(pods.object?.["spec"].serviceAccountName, "default");
});

test("an account that does not come is told with the name", async () => {
  const named = request("pods");
  Object.assign(named.object?.["spec"], { serviceAccountName: "nobody" });
  assert.equal(
    await refusal(admission({ "namespaces/default": active }).mutate(named)),
    'pods "x" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found',
  );
});

test("a priority that its class does not have is refused", async () => {
  const pods = request("pods");
  Object.assign(pods.object?.["spec"], { priorityClassName: "system-node-critical", priority: 1 });
  const objects = { "namespaces/default": active, "serviceaccounts/default/default": object({}) };
  assert.match(
    await refusal(admission(objects).mutate(pods)),
    /computed 2000001000 from the given PriorityClass name/,
  );
});

const classNamed = (name: string, fields: object): KubeObject => ({ metadata: { name }, ...fields });

test("a pod without a class gets the global default, by name and by number", async () => {
  const pods = request("pods");
  await admission({
    "namespaces/default": active,
    "serviceaccounts/default/default": object({}),
    "priorityclasses/usual": classNamed("usual", { value: 7, globalDefault: true }),
    "priorityclasses/other": classNamed("other", { value: 3 }),
  }).mutate(pods);
  const { priority, priorityClassName } = pods.object?.["spec"] ?? {};
  assert.deepEqual({ priority, priorityClassName }, { priority: 7, priorityClassName: "usual" });
});

test("a second global default is refused, a change of the first is not", async () => {
  const plugins = admission({
    "priorityclasses/usual": classNamed("usual", { value: 7, globalDefault: true }),
  });
  const ofClass = (name: string, operation: "CREATE" | "UPDATE"): AdmissionRequest =>
    request("priorityclasses", {
      operation,
      resource: { group: "scheduling.k8s.io", version: "v1", resource: "priorityclasses" },
      namespace: "",
      object: classNamed(name, { value: 9, globalDefault: true }),
    });
  assert.equal(
    await refusal(plugins.validate(ofClass("second", "CREATE"))),
    'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
  );
  await plugins.validate(ofClass("usual", "UPDATE"));
});

test("an Ingress without a class gets the default class; one that chose, by field or annotation, keeps its choice", async () => {
  const isDefault = { annotations: { "ingressclass.kubernetes.io/is-default-class": "true" } };
  const objects: Objects = {
    "namespaces/default": active,
    "ingressclasses/main": object({ metadata: { name: "main", ...isDefault } }),
    "ingressclasses/other": object({ metadata: { name: "other" } }),
  };
  const ofIngress = (fields: object): AdmissionRequest =>
    request("ingresses", {
      resource: { group: "networking.k8s.io", version: "v1", resource: "ingresses" },
      object: object({ metadata: { name: "x" }, spec: {}, ...fields }),
    });
  const classOf = async (fields: object): Promise<unknown> => {
    const ingress = ofIngress(fields);
    await admission(objects).mutate(ingress);
    return ingress.object?.["spec"].ingressClassName;
  };
  assert.equal(await classOf({}), "main");
  assert.equal(await classOf({ spec: { ingressClassName: "other" } }), "other");
  const annotated = { metadata: { name: "x", annotations: { "kubernetes.io/ingress.class": "nginx" } } };
  assert.equal(await classOf(annotated), undefined);
  objects["ingressclasses/other"] = object({ metadata: { name: "other", ...isDefault } });
  assert.match(
    await refusal(admission(objects).mutate(ofIngress({}))),
    /2 default IngressClasses were found/,
  );
});

const selecting = (enable: string[], disable: string[] = [], allows?: (request: AccessRequest) => boolean) =>
  admission({ "namespaces/default": active }, undefined, { enable, disable }, allows);

test("plugins are on and off as asked; names that nothing has, and plugins that are not here, are refused", async () => {
  const pod = request("pods");
  await selecting([], ["ServiceAccount"]).mutate(pod);
  assert.equal(pod.object?.["spec"].serviceAccountName, undefined);
  assert.match(
    await refusal(selecting(["AlwaysDeny"]).mutate(request("configmaps"))),
    /denying all modifications/,
  );
  assert.throws(() => selecting(["Bogus"]), /^Error: enable-admission-plugins plugin "Bogus" is unknown$/);
  assert.throws(
    () => selecting([], ["Bogus"]),
    /^Error: disable-admission-plugins plugin "Bogus" is unknown$/,
  );
  assert.throws(() => selecting(["EventRateLimit"]), /does not have the plugin EventRateLimit/);
  assert.throws(() => selecting(["ServiceAccount"], ["ServiceAccount"]), /overlapped/);
});

test("where images are always pulled, a pod's policy is Always, and another is refused", async () => {
  const plugins = selecting(["AlwaysPullImages"], ["ServiceAccount"]);
  const pod = request("pods");
  await plugins.mutate(pod);
  assert.equal(pod.object?.["spec"].containers[0].imagePullPolicy, "Always");
  await plugins.validate(pod);
  assert.equal(
    await refusal(plugins.validate(request("pods"))),
    'pods "x" is forbidden: spec.containers[0].imagePullPolicy: Unsupported value: "": supported values: "Always"',
  );
});

test("an owner may be held up only by who may set its finalizers, and nobody gives away what they may not delete", async () => {
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "o", uid: "1", blockOwnerDeletion: true };
  const owned = object({ metadata: { name: "x", ownerReferences: [owner] } });
  const created = request("configmaps", { object: owned });
  const plugins = (allows: (asked: AccessRequest) => boolean) =>
    selecting(["OwnerReferencesPermissionEnforcement"], [], allows);
  await plugins(() => true).validate(created);
  assert.match(
    await refusal(plugins(() => false).validate(created)),
    /^configmaps "x" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion v1 Kind ConfigMap/,
  );
  const updated = request("configmaps", { operation: "UPDATE", name: "x", object: owned, old: object({}) });
  assert.match(
    await refusal(plugins(({ verb }) => verb !== "delete").validate(updated)),
    /^configmaps "x" is forbidden: cannot set an ownerRef on a resource you can't delete: /,
  );
});

test("a pod gets the zone and region of its node when it is bound", async () => {
  const labels = { "topology.kubernetes.io/zone": "z", "topology.kubernetes.io/region": "r", other: "o" };
  const plugins = admission({
    "namespaces/default": active,
    "nodes/n": object({ metadata: { name: "n", labels } }),
  });
  const binding = request("pods", {
    subresource: "binding",
    object: { metadata: { name: "x" }, target: { kind: "Node", name: "n" } },
  });
  await plugins.mutate(binding);
  assert.deepEqual(binding.object?.metadata.labels, {
    "topology.kubernetes.io/zone": "z",
    "topology.kubernetes.io/region": "r",
  });
});
