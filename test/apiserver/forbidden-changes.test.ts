import assert from "node:assert/strict";
import { test } from "node:test";
import type { UserInfo } from "../../src/apimachinery/index.ts";
import { fastClock } from "./fast-clock.ts";
import { openServer } from "./open-server.ts";

const admin: UserInfo = { name: "admin", groups: ["system:masters", "system:authenticated"] };

const others =
  "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** Recorded on a kube-apiserver 1.35.4. */
const cases = [
  {
    path: "/api/v1/namespaces/default/pods",
    object: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "pd" },
      spec: { containers: [{ name: "a", image: "b" }] },
    },
    patch: { spec: { hostNetwork: true, priority: 5 } },
    message: `Pod "pd" is invalid: spec: Forbidden: pod updates may not change fields other than ${others}
@@ -142,7 +142,7 @@
  "AutomountServiceAccountToken": null,
  "NodeName": "",
  "SecurityContext": {
-  "HostNetwork": false,
+  "HostNetwork": true,
   "HostPID": false,
   "HostIPC": false,
   "ShareProcessNamespace": null,
@@ -185,7 +185,7 @@
  ],
  "HostAliases": null,
  "PriorityClassName": "",
- "Priority": 0,
+ "Priority": 5,
  "PreemptionPolicy": "PreemptLowerPriority",
  "DNSConfig": null,
  "ReadinessGates": null,
`,
  },
  {
    path: "/api/v1/namespaces/default/persistentvolumeclaims",
    object: {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "pd" },
      spec: {
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "1Gi" } },
        storageClassName: "s",
      },
    },
    patch: { spec: { resources: { requests: { storage: "2Gi" } } } },
    message: `PersistentVolumeClaim "pd" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims
@@ -6,7 +6,7 @@
  "Resources": {
   "Limits": null,
   "Requests": {
-   "storage": "1Gi"
+   "storage": "2Gi"
   }
  },
  "VolumeName": "",
`,
  },
];

for (const { path, object, patch, message } of cases) {
  test(`what may not change in a ${object.kind} is told by a diff of kube-apiserver's own form`, async () => {
    const opened = openServer({ clock: fastClock() });
    const transport = opened.server.transport(admin);
    const send = async (method: string, at: string, type: string, body: unknown) => {
      const headers = { "content-type": type };
      const answer = await transport.request({ method, path: at, headers, body: JSON.stringify(body) });
      const chunks: Uint8Array[] = [];
      for await (const chunk of answer.body) chunks.push(chunk);
      return JSON.parse(Buffer.concat(chunks).toString());
    };
    for (const [at, made] of [
      ["/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } }],
      [
        "/api/v1/namespaces/default/serviceaccounts",
        { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } },
      ],
      [path, object],
    ] as const)
      await send("POST", at, "application/json", made);
    const answer = await send("PATCH", `${path}/pd`, "application/merge-patch+json", patch);
    await opened.close();
    assert.equal(answer.message, message);
  });
}
