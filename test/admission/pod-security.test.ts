import assert from "node:assert/strict";
import { test } from "node:test";
import { type AdmissionReader, type AdmissionRequest, parsePodSecurity } from "../../src/admission/index.ts";
import { podSecurity } from "../../src/admission/pod-security/index.ts";
import { type KubeObject, StatusError } from "../../src/apimachinery/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

type Labels = Record<string, string>;

const label = (mode: string): string => `pod-security.kubernetes.io/${mode}`;
const namespaceOf = (labels: Labels): KubeObject => ({ metadata: { name: "n", labels } });
const podOf = (spec: object, name = "p"): KubeObject => ({
  metadata: { name },
  spec: { containers: [{ name: "c", image: "i" }], ...spec },
});
const confined = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  runAsNonRoot: true,
  seccompProfile: { type: "RuntimeDefault" },
};

interface Outcome {
  readonly error: StatusError | undefined;
  readonly warnings: readonly string[];
}

/** What becomes of a request in a namespace with these labels and pods. */
async function outcome(
  labels: Labels,
  fields: Partial<AdmissionRequest>,
  pods: readonly KubeObject[] = [],
): Promise<Outcome> {
  const reader: AdmissionReader = { get: async () => namespaceOf(labels), list: async () => pods };
  const plugin = podSecurity({ reader, clock: new ManualClock() });
  const warnings: string[] = [];
  const request: AdmissionRequest = {
    operation: "CREATE",
    resource: { group: "", version: "v1", resource: "pods" },
    subresource: "",
    kind: { group: "", version: "v1", kind: "Pod" },
    namespace: "n",
    name: "p",
    user: { name: "admin", groups: [] },
    dryRun: false,
    object: podOf({}),
    old: undefined,
    warn: (text) => warnings.push(text),
    ...fields,
  };
  try {
    await plugin.validate?.(request);
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return { error, warnings };
  }
  return { error: undefined, warnings };
}

const namespaceWrite = (next: Labels, last?: Labels): Partial<AdmissionRequest> => ({
  operation: last === undefined ? "CREATE" : "UPDATE",
  resource: { group: "", version: "v1", resource: "namespaces" },
  kind: { group: "", version: "v1", kind: "Namespace" },
  name: "n",
  object: namespaceOf(next),
  old: last === undefined ? undefined : namespaceOf(last),
});

test("without labels everything is let through, silently", async () => {
  const free = podOf({
    hostNetwork: true,
    containers: [{ name: "c", securityContext: { privileged: true } }],
  });
  assert.deepEqual(await outcome({}, { object: free }), { error: undefined, warnings: [] });
});

test("a baseline namespace refuses what reaches for its node, in upstream's words and order", async () => {
  const container = {
    name: "c",
    ports: [{ containerPort: 80, hostPort: 8080 }],
    securityContext: {
      privileged: true,
      capabilities: { add: ["SYS_ADMIN", "NET_RAW"] },
      procMount: "Unmasked",
      seccompProfile: { type: "Unconfined" },
      seLinuxOptions: { type: "spc_t", user: "u" },
    },
    livenessProbe: { httpGet: { host: "10.0.0.1", port: 80 } },
  };
  const pod = podOf({
    hostNetwork: true,
    hostPID: true,
    securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] },
    volumes: [
      { name: "v", hostPath: { path: "/" } },
      { name: "w", hostPath: { path: "/" } },
    ],
    containers: [container],
  });
  const { error } = await outcome({ [label("enforce")]: "baseline" }, { object: pod });
  assert.equal(error?.code, 403);
  assert.equal(
    error?.message,
    'pods "p" is forbidden: violates PodSecurity "baseline:latest": ' +
      'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add), ' +
      "host namespaces (hostNetwork=true, hostPID=true), " +
      'hostPath volumes (volumes "v", "w"), ' +
      'hostPort (container "c" uses hostPort 8080), ' +
      'probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1"), ' +
      'privileged (container "c" must not set securityContext.privileged=true), ' +
      'procMount (container "c" must not set securityContext.procMount to "Unmasked"), ' +
      'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set), ' +
      'seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined"), ' +
      "forbidden sysctls (kernel.msgmax)",
  );
});

test("a restricted namespace wants it said that a pod is confined, as the version did that is asked for", async () => {
  const enforce = { [label("enforce")]: "restricted" };
  const { error } = await outcome(enforce, {});
  assert.equal(
    error?.message,
    'pods "p" is forbidden: violates PodSecurity "restricted:latest": ' +
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
      'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
      'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
      'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  );
  const old = await outcome({ ...enforce, [label("enforce-version")]: "v1.7" }, {});
  assert.equal(
    old.error?.message,
    'pods "p" is forbidden: violates PodSecurity "restricted:v1.7": ' +
      'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
  );
  const good = podOf({ containers: [{ name: "c", securityContext: confined }] });
  assert.deepEqual(await outcome(enforce, { object: good }), { error: undefined, warnings: [] });
  const root = podOf({
    hostUsers: false,
    containers: [{ name: "c", securityContext: { ...confined, runAsUser: 0 } }],
  });
  assert.equal((await outcome(enforce, { object: root })).error, undefined);
});

test("workloads are warned of what their pods will be refused for", async () => {
  const resource = { group: "apps", version: "v1", resource: "deployments" };
  const template = podOf({ hostIPC: true });
  const { error, warnings } = await outcome(
    { [label("enforce")]: "baseline", [label("enforce-version")]: "v1.30" },
    { resource, object: { metadata: { name: "d" }, spec: { template } } },
  );
  assert.equal(error, undefined);
  assert.deepEqual(warnings, ['would violate PodSecurity "baseline:v1.30": host namespaces (hostIPC=true)']);
});

test("labels that say nothing known are refused, and do not stand in the way of other changes once they are there", async () => {
  const bad = { [label("enforce")]: "bogus", [label("warn-version")]: "1.30" };
  const { error } = await outcome({}, namespaceWrite(bad));
  assert.equal(error?.code, 422);
  assert.equal(
    error?.message,
    'Namespace "n" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "bogus": must be one of privileged, baseline, restricted, ' +
      'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.30": must be "latest" or "v1.x"]',
  );
  assert.equal((await outcome({}, namespaceWrite({ ...bad, other: "x" }, bad))).error, undefined);
});

test("a namespace held to a stricter level tells which of its pods would be refused now", async () => {
  const pods = [podOf({ hostPID: true }, "b"), podOf({ hostPID: true }, "a"), podOf({}, "good")];
  const { warnings } = await outcome({}, namespaceWrite({ [label("enforce")]: "baseline" }, {}), pods);
  assert.deepEqual(warnings, [
    'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"',
    "a (and 1 other pod): host namespaces",
  ]);
});

test("a pod that was there before its namespace got strict can change in all but its images", async () => {
  const labels = { [label("enforce")]: "baseline" };
  const old = podOf({ hostPID: true });
  const tolerant = podOf({ hostPID: true, tolerations: [{ operator: "Exists" }] });
  const update = { operation: "UPDATE" as const, old };
  assert.equal((await outcome(labels, { ...update, object: tolerant })).error, undefined);
  const other = podOf({ hostPID: true, containers: [{ name: "c", image: "other" }] });
  assert.equal((await outcome(labels, { ...update, object: other })).error?.reason, "Forbidden");
  const status = { ...update, subresource: "status", object: other };
  assert.equal((await outcome(labels, status)).error, undefined);
});

test("a configuration says what holds without labels, and who and what is exempt", async () => {
  const configuration = parsePodSecurity({
    apiVersion: "pod-security.admission.config.k8s.io/v1",
    kind: "PodSecurityConfiguration",
    defaults: { enforce: "baseline", warn: "restricted", "warn-version": "v1.25" },
    exemptions: { usernames: ["robot"], runtimeClasses: ["kata"], namespaces: ["free"] },
  });
  const ask = async (namespace: string, user: string, spec: object): Promise<string> => {
    const told: string[] = [];
    const plugin = podSecurity({
      reader: {
        get: async () => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }),
        list: async () => [],
      },
      clock: new ManualClock(),
      podSecurity: configuration,
    });
    const object = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p" },
      spec: { containers: [{ name: "c", image: "i" }], ...spec },
    };
    await plugin.validate?.({
      operation: "CREATE",
      resource: { group: "", version: "v1", resource: "pods" },
      subresource: "",
      kind: { group: "", version: "v1", kind: "Pod" },
      namespace,
      name: "p",
      user: { name: user, groups: [] },
      dryRun: false,
      object,
      old: undefined,
      warn: (text) => told.push(text),
    });
    return told.join();
  };
  await assert.rejects(
    ask("plain", "ann", { hostNetwork: true }),
    /violates PodSecurity "baseline:latest": host namespaces/,
  );
  assert.match(await ask("plain", "ann", {}), /would violate PodSecurity "restricted:v1.25"/);
  for (const [namespace, user, spec] of [
    ["free", "ann", { hostNetwork: true }],
    ["plain", "robot", { hostNetwork: true }],
    ["plain", "ann", { hostNetwork: true, runtimeClassName: "kata" }],
  ] as const)
    assert.equal(await ask(namespace, user, spec), "");
  const wrong = (defaults: object, why: RegExp) =>
    assert.throws(
      () =>
        parsePodSecurity({
          apiVersion: "pod-security.admission.config.k8s.io/v1",
          kind: "PodSecurityConfiguration",
          defaults: defaults as never,
        }),
      why,
    );
  wrong(
    { enforce: "all" },
    /defaults\.enforce: Invalid value: "all": must be one of privileged, baseline, restricted/,
  );
  wrong({ "audit-version": "1.2" }, /defaults\.audit-version: Invalid value: "1\.2"/);
});
