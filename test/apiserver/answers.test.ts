/** What kube-apiserver 1.35.4 answers where two things are wrong at once, and in which order the fields of its answers stand. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { UserInfo } from "../../src/apimachinery/index.ts";
import { fastClock } from "./fast-clock.ts";
import { type OpenServer, openServer } from "./open-server.ts";

const admin: UserInfo = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const apply = "application/apply-patch+yaml";
const merge = "application/merge-patch+json";
const configMaps = "/api/v1/namespaces/default/configmaps";

interface Request {
  readonly method: string;
  readonly path: string;
  readonly type?: string;
  readonly accept?: string;
  readonly body?: string;
}

const accessReviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
const listing = (selectors: object) => ({
  spec: { user: "alice", resourceAttributes: { verb: "list", resource: "pods", ...selectors } },
});

suite("answers", () => {
  let opened: OpenServer;
  const send = async ({ method, path, type, accept = "application/json", body }: Request) => {
    const headers = { accept, ...(type === undefined ? {} : { "content-type": type }) };
    const request = { method, path, headers, ...(body === undefined ? {} : { body }) };
    const answer = await opened.server.transport(admin).request(request);
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    return { status: answer.status, text: Buffer.concat(chunks).toString() };
  };
  const create = (path: string, object: object) =>
    send({ method: "POST", path, type: "application/json", body: JSON.stringify(object) });

  before(async () => {
    opened = openServer({ clock: fastClock() });
    for (const name of ["default", "bare"]) await create("/api/v1/namespaces", { metadata: { name } });
    await create("/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  });
  after(() => opened.close());

  const refusals: readonly (Request & { title: string; status: number; message: string })[] = [
    {
      title: "applying a part of what is not there does not make it",
      method: "PATCH",
      path: "/api/v1/nodes/none/status?fieldManager=a",
      type: apply,
      body: `{"apiVersion":"v1","kind":"Node","metadata":{"name":"none"}}`,
      status: 404,
      message: `nodes "none" not found`,
    },
    {
      title: "a patch that is no JSON is told only of what is there",
      method: "PATCH",
      path: `${configMaps}/none`,
      type: merge,
      body: "{",
      status: 404,
      message: `configmaps "none" not found`,
    },
    {
      title: "what is applied says its name where it is not there yet",
      method: "PATCH",
      path: `${configMaps}/none?fieldManager=a`,
      type: apply,
      body: `{"apiVersion":"v1","kind":"ConfigMap"}`,
      status: 400,
      message: "the name of the object (none based on URL) was undeterminable: name must be provided",
    },
    {
      title: "what is applied fits its kind before its name is looked at",
      method: "PATCH",
      path: `${configMaps}/none?fieldManager=a`,
      type: apply,
      body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"other"},"data":{"a":5}}`,
      status: 500,
      message:
        "failed to create typed patch object (/other; /v1, Kind=ConfigMap): .data.a: expected string, got &value.valueUnstructured{Value:5}",
    },
    {
      title: "who is refused without a name is Unknown",
      method: "POST",
      path: "/api/v1/namespaces/bare/pods",
      type: "application/json",
      body: `{"spec":{"containers":[{"name":"c","image":"i"}]}}`,
      status: 403,
      message:
        'pods "Unknown" is forbidden: error looking up service account bare/default: serviceaccount "default" not found',
    },
    {
      title: "what a node offers is no less than nothing",
      method: "POST",
      path: "/api/v1/nodes",
      type: "application/json",
      body: `{"metadata":{"name":"n"},"status":{"allocatable":{"cpu":"-1"}}}`,
      status: 422,
      message:
        'Node "n" is invalid: status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
    },
    {
      title: "a binding without a target is no matter of names",
      method: "POST",
      path: "/api/v1/namespaces/default/bindings",
      type: "application/json",
      body: "{}",
      status: 500,
      message: "target.name: Required value",
    },
    {
      title: "an eviction may be of the version that was before",
      method: "POST",
      path: "/api/v1/namespaces/default/pods/gone/eviction",
      type: "application/json",
      body: `{"kind":"Eviction","apiVersion":"policy/v1beta1","metadata":{"name":"gone"}}`,
      status: 404,
      message: 'pods "gone" not found',
    },
    {
      title: "requirements of a selector that is asked about are checked as others are",
      method: "POST",
      path: accessReviews,
      type: "application/json",
      body: JSON.stringify(listing({ labelSelector: { requirements: [{ key: "a", operator: "In" }] } })),
      status: 422,
      message:
        ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes.labelSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    },
    {
      title: "a requirement on fields names one",
      method: "POST",
      path: accessReviews,
      type: "application/json",
      body: JSON.stringify(listing({ fieldSelector: { requirements: [{ operator: "In", values: ["b"] }] } })),
      status: 422,
      message:
        '.authorization.k8s.io "" is invalid: spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified',
    },
    {
      title: "pods of a template mirror nothing either",
      method: "POST",
      path: "/api/v1/namespaces/default/podtemplates",
      type: "application/json",
      body: JSON.stringify({
        metadata: { name: "t" },
        template: {
          metadata: { annotations: { "kubernetes.io/config.mirror": "x" } },
          spec: { containers: [{ name: "c", image: "i" }] },
        },
      }),
      status: 422,
      message:
        'PodTemplate "t" is invalid: template.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
    },
    {
      title: "profiles in annotations are looked at, though they do nothing any more",
      method: "POST",
      path: "/api/v1/namespaces/default/pods",
      type: "application/json",
      body: JSON.stringify({
        metadata: { name: "t", annotations: { "seccomp.security.alpha.kubernetes.io/pod": "x" } },
        spec: { containers: [{ name: "c", image: "i" }] },
      }),
      status: 422,
      message:
        'Pod "t" is invalid: metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "x": must be a valid seccomp profile',
    },
  ];
  const resizes: readonly { title: string; containers: object[]; message: string }[] = [
    {
      title: "a resize adds no containers",
      containers: [{ name: "d", image: "i" }],
      message: "spec.containers: Forbidden: containers may not be added or removed on resize",
    },
    {
      title: "a resize takes no request away",
      containers: [{ name: "c", resources: { requests: { cpu: null } } }],
      message:
        '[spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing, spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed]',
    },
    {
      title: "a resize changes processor and memory only",
      containers: [{ name: "c", resizePolicy: [{ resourceName: "cpu", restartPolicy: "RestartContainer" }] }],
      message: "spec: Forbidden: only cpu and memory resources are mutable",
    },
  ];
  for (const { title, containers, message } of resizes) {
    test(title, async () => {
      const spec = { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "1" } } }] };
      await create("/api/v1/namespaces/default/pods", { metadata: { name: "resized" }, spec });
      const answer = await send({
        method: "PATCH",
        path: "/api/v1/namespaces/default/pods/resized/resize",
        type: "application/strategic-merge-patch+json",
        body: JSON.stringify({ spec: { containers } }),
      });
      assert.equal(JSON.parse(answer.text).message, `Pod "resized" is invalid: ${message}`);
    });
  }

  for (const { title, status, message, ...request } of refusals) {
    test(title, async () => {
      const answer = await send(request);
      assert.equal(answer.status, status);
      assert.equal(JSON.parse(answer.text).message, message);
    });
  }

  test("an error that cannot be shown as asked for is indented", async () => {
    const accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    const { text } = await send({ method: "GET", path: `${configMaps}/none`, accept });
    assert.match(text, /^\{\n {2}"kind": "Status"/);
  });

  test("metadata has its fields in Go's order, wherever they come from", async () => {
    await create(configMaps, { metadata: { name: "ordered", labels: { a: "b" }, finalizers: ["a.b/c"] } });
    const path = `${configMaps}/ordered`;
    const { text } = await send({ method: "DELETE", path });
    const accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    const partial = await send({ method: "GET", path, accept });
    for (const answer of [text, partial.text]) {
      assert.deepEqual(Object.keys(JSON.parse(answer).metadata), [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "labels",
        "finalizers",
        "managedFields",
      ]);
    }
  });

  test("a row says of a pod that has ended how it did", async () => {
    const pods = "/api/v1/namespaces/default/pods";
    await create(pods, { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } });
    const body = `{"status":{"phase":"Failed"}}`;
    await send({ method: "PATCH", path: `${pods}/p/status`, type: merge, body });
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const { text } = await send({ method: "GET", path: pods, accept });
    assert.deepEqual(JSON.parse(text).rows[0].conditions, [
      { type: "Completed", status: "True", reason: "Failed", message: "The pod failed." },
    ]);
  });

  test("a selector of parameters stands in a row as Go prints it", async () => {
    const path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
    const selector = {
      matchLabels: { b: "c", a: "b" },
      matchExpressions: [{ key: "k", operator: "In", values: ["v", "w"] }],
    };
    const paramRef = { selector, parameterNotFoundAction: "Deny" };
    const spec = { policyName: "p", paramRef, validationActions: ["Deny"] };
    await create(path, { metadata: { name: "chosen" }, spec });
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const { text } = await send({ method: "GET", path, accept });
    assert.equal(
      JSON.parse(text).rows[0].cells[2],
      "&LabelSelector{MatchLabels:map[string]string{a: b,b: c,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[v w],},},}",
    );
  });

  const unread: readonly { selectors: object; told: string }[] = [
    {
      selectors: { labelSelector: { rawSelector: "a in (" } },
      told: "spec.resourceAttributes.labelSelector ignored due to parse error",
    },
    {
      selectors: {
        fieldSelector: {
          requirements: [
            { key: "a", operator: "In", values: ["b", "c"] },
            { key: "z", operator: "In", values: ["q"] },
          ],
        },
      },
      told: "spec.resourceAttributes.fieldSelector partially ignored due to parse error",
    },
    {
      selectors: {
        fieldSelector: { rawSelector: "a" },
        labelSelector: { requirements: [{ key: "a", operator: "Gt", values: ["1"] }] },
      },
      told: "spec.resourceAttributes.fieldSelector ignored due to parse error; spec.resourceAttributes.labelSelector ignored due to parse error",
    },
  ];
  for (const { selectors, told } of unread) {
    test(`who asks about what nobody can read is told: ${told}`, async () => {
      const { text } = await create(accessReviews, listing(selectors));
      assert.deepEqual(JSON.parse(text).status, { allowed: false, evaluationError: told });
    });
  }

  test("a pod is bound as what it was seen as, or not at all", async () => {
    const pods = "/api/v1/namespaces/default/pods";
    await create(pods, { metadata: { name: "bound" }, spec: { containers: [{ name: "c", image: "i" }] } });
    const answers: string[] = [];
    for (const seen of [{ uid: "u" }, { resourceVersion: "1" }]) {
      const metadata = { name: "bound", ...seen };
      const answer = await create(`${pods}/bound/binding`, { metadata, target: { name: "n" } });
      answers.push(
        JSON.parse(answer.text)
          .message.replace(/^.*AdditionalErrorMsg: /, "")
          .replace(/: \S+$/, ""),
      );
    }
    assert.deepEqual(answers, [
      "Precondition failed: UID in precondition: u, UID in object meta",
      "Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta",
    ]);
  });

  test("an old client's eviction counts in the budget, and the server owns the count", async () => {
    const pods = "/api/v1/namespaces/default/pods";
    const budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    const spec = { containers: [{ name: "c", image: "i" }] };
    await create(pods, { metadata: { name: "counted", labels: { a: "counted" } }, spec });
    await create(budgets, {
      metadata: { name: "b" },
      spec: { selector: { matchLabels: { a: "counted" } }, minAvailable: 1 },
    });
    const statuses: readonly (readonly [string, object])[] = [
      [`${pods}/counted/status`, { phase: "Running", conditions: [{ type: "Ready", status: "True" }] }],
      [
        `${budgets}/b/status`,
        {
          observedGeneration: 1,
          disruptionsAllowed: 1,
          currentHealthy: 2,
          desiredHealthy: 1,
          expectedPods: 2,
        },
      ],
    ];
    for (const [path, status] of statuses)
      await send({ method: "PATCH", path, type: merge, body: JSON.stringify({ status }) });
    const eviction = { apiVersion: "policy/v1beta1", kind: "Eviction", metadata: { name: "counted" } };
    assert.equal((await create(`${pods}/counted/eviction`, eviction)).status, 201);
    const { metadata, status } = JSON.parse((await send({ method: "GET", path: `${budgets}/b` })).text);
    assert.equal(status.disruptionsAllowed, 0);
    const owner = metadata.managedFields.find(
      ({ manager }: { manager: string }) => manager === "kube-apiserver",
    );
    assert.deepEqual(Object.keys(owner.fieldsV1["f:status"]), [
      "f:conditions",
      "f:disruptedPods",
      "f:disruptionsAllowed",
    ]);
  });

  test("an autoscaler of v1 is owned as it is stored: what annotations say replaces the default", async () => {
    const path = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
    const prefix = "autoscaling.alpha.kubernetes.io/";
    const metrics = [{ type: "Resource", resource: { name: "memory", targetAverageValue: "5" } }];
    const spec = { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" }, maxReplicas: 3 };
    const owned = async (name: string, annotations: object) => {
      const { text } = await create(path, { metadata: { name, annotations }, spec });
      const made = JSON.parse(text);
      return { spec: made.spec, fields: made.metadata.managedFields[0].fieldsV1 };
    };
    const told = await owned("told", { [`${prefix}metrics`]: JSON.stringify(metrics) });
    assert.deepEqual(told.spec, { ...spec, minReplicas: 1 });
    assert.deepEqual(Object.keys(told.fields["f:spec"]), [
      "f:maxReplicas",
      "f:minReplicas",
      "f:scaleTargetRef",
    ]);
    const nonsense = await owned("nonsense", {
      [`${prefix}metrics`]: "nonsense",
      [`${prefix}behavior`]: "{",
    });
    assert.equal(nonsense.spec.targetCPUUtilizationPercentage, 80);
    assert.deepEqual(Object.keys(nonsense.fields), ["f:spec"]);
  });

  test("a source without a group is stored with the group null, which another applier has not said", async () => {
    const spec = {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1Gi" } },
      dataSource: { kind: "PersistentVolumeClaim", name: "y" },
    };
    const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "copied" }, spec };
    const path = "/api/v1/namespaces/default/persistentvolumeclaims/copied?fieldManager=";
    const applyAs = (manager: string) =>
      send({ method: "PATCH", path: path + manager, type: apply, body: JSON.stringify(claim) });
    assert.equal((await applyAs("a")).status, 201);
    const { status, text } = await applyAs("b");
    assert.equal(status, 409);
    assert.equal(
      JSON.parse(text).message,
      'Apply failed with 1 conflict: conflict with "a": .spec.dataSource',
    );
  });

  test("a watch from the beginning that takes bookmarks is told where the beginning ends", async () => {
    const { text } = await send({
      method: "GET",
      path: `${configMaps}?watch=1&timeoutSeconds=1&allowWatchBookmarks=`,
    });
    assert.match(text, /"type":"BOOKMARK".*"k8s.io\/initial-events-end":"true"/);
  });

  test("the version is told to GET alone", async () => {
    assert.equal((await send({ method: "HEAD", path: "/version" })).status, 405);
  });

  test("a watch without initial events and resourceVersion tells what happens from now on", async () => {
    await create(configMaps, { metadata: { name: "before" } });
    const path = `${configMaps}?watch=&timeoutSeconds=1&sendInitialEvents=0&resourceVersionMatch=NotOlderThan`;
    const { status, text } = await send({ method: "GET", path });
    assert.deepEqual({ status, text }, { status: 200, text: "" });
  });
});
