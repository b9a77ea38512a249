import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { run, startCluster, type TestCluster } from "./cluster.ts";
import { realClient } from "./kubectl-archive.ts";

/** A chart as `helm create` makes them, of the kinds that are served. */
const files = {
  "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\nappVersion: '1.0'\n",
  "values.yaml": "replicas: 2\nimage: {repository: nginx, tag: '1'}\ngreeting: hello\n",
  "templates/_helpers.tpl": `{{- define "shop.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
`,
  "templates/all.yaml": `apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "shop.labels" . | nindent 4 }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "shop.labels" . | nindent 4 }}
data:
  greeting: {{ .Values.greeting | quote }}
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "shop.labels" . | nindent 4 }}
stringData:
  password: secret
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "shop.labels" . | nindent 4 }}
spec:
  ports: [{name: http, port: 80, targetPort: http}]
  selector:
    app.kubernetes.io/instance: {{ .Release.Name }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "shop.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels:
      app.kubernetes.io/instance: {{ .Release.Name }}
  template:
    metadata:
      labels: {{- include "shop.labels" . | nindent 8 }}
      annotations:
        checksum/config: {{ .Values.greeting | sha256sum }}
    spec:
      serviceAccountName: {{ .Release.Name }}
      containers:
        - name: web
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
          ports: [{name: http, containerPort: 8080}]
          envFrom:
            - configMapRef: { name: {{ .Release.Name }} }
            - secretRef: { name: {{ .Release.Name }} }
`,
  "templates/hook.yaml": `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hook
  annotations: {helm.sh/hook: pre-install, helm.sh/hook-delete-policy: before-hook-creation}
data: {ran: "yes"}
`,
  "templates/NOTES.txt": "Reach it at {{ .Release.Name }}.{{ .Release.Namespace }}\n",
};

suite("the unmodified helm", () => {
  let cluster: TestCluster;
  let directory: string;
  before(async () => {
    cluster = await startCluster();
    directory = mkdtempSync(join(tmpdir(), "raftsman-helm-"));
    mkdirSync(join(directory, "shop/templates"), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, "shop", name), text);
  });
  after(async () => {
    rmSync(directory, { recursive: true, force: true });
    assert.equal(await cluster.stop(), 0);
  });

  const call = (...args: string[]) =>
    run(realClient("helm"), args, { ...process.env, KUBECONFIG: cluster.kubeconfig, HOME: directory });
  const helm = async (...args: string[]) => {
    const { status, stdout, stderr } = await call(...args);
    assert.equal(status, 0, `helm ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const chart = () => join(directory, "shop");
  const inShop = async (...args: string[]) => {
    const { status, stdout, stderr } = await cluster.kubectl(["-n", "shop", ...args]);
    assert.equal(status, 0, stderr);
    return stdout;
  };

  test("installs a chart into a new namespace and waits until it is ready", async () => {
    const said = await helm(
      ...["install", "front", chart(), "-n", "shop", "--create-namespace", "--wait", "--timeout", "60s"],
    );
    assert.match(said, /^STATUS: deployed$/m);
    assert.match(said, /^Reach it at front\.shop$/m);
    assert.equal(await inShop("get", "deploy", "front", "-o", "jsonpath={.status.readyReplicas}"), "2");
    const addresses = await inShop("get", "ep", "front", "-o", "jsonpath={.subsets[*].addresses[*].ip}");
    assert.equal(addresses.split(" ").length, 2);
    assert.equal(await inShop("get", "cm", "front-hook", "-o", "jsonpath={.data.ran}"), "yes");
  });

  test("lists releases, and finds a release's state in its Secret", async () => {
    assert.match(await helm("list", "-A"), /^front\s+shop\s+1\s+.*deployed\s+shop-0\.1\.0/m);
    assert.match(await helm("status", "front", "-n", "shop"), /^REVISION: 1$/m);
    assert.match(await helm("get", "manifest", "front", "-n", "shop"), /kind: Deployment/);
    assert.match(
      await inShop("get", "secret", "-l", "owner=helm"),
      /sh\.helm\.release\.v1\.front\.v1 +helm\.sh\/release\.v1/,
    );
  });

  test("refuses a second release of that name and one that would take over what it does not own", async () => {
    const twice = await call("install", "front", chart(), "-n", "shop");
    assert.match(twice.stderr, /cannot re-?use a name that is still in use/);
    await inShop("create", "configmap", "foreign");
    const foreign = await call("install", "foreign", chart(), "-n", "shop");
    assert.match(foreign.stderr, /ConfigMap "foreign" in namespace "shop" exists and cannot be imported/);
  });

  test("upgrades what changed and rolls it back", async () => {
    const image = () =>
      inShop(
        "get",
        "deploy",
        "front",
        "-o",
        "jsonpath={.spec.template.spec.containers[0].image} {.spec.replicas}",
      );
    const settings = ["--set", "image.tag=2,replicas=3,greeting=ahoy", "--wait", "--timeout", "60s"];
    assert.match(await helm("upgrade", "front", chart(), "-n", "shop", ...settings), /^REVISION: 2$/m);
    assert.equal(await image(), "nginx:2 3");
    assert.equal(await inShop("get", "cm", "front", "-o", "jsonpath={.data.greeting}"), "ahoy");
    await helm("rollback", "front", "1", "-n", "shop", "--wait", "--timeout", "60s");
    assert.equal(await image(), "nginx:1 2");
    assert.match(await helm("history", "front", "-n", "shop"), /^3\s.*deployed.*Rollback to 1/m);
  });

  test("refuses values that make a bad manifest, and leaves the release as it was", async () => {
    const { status, stderr } = await call("upgrade", "front", chart(), "-n", "shop", "--set", "replicas=-1");
    assert.notEqual(status, 0);
    assert.match(stderr, /spec\.replicas: Invalid value: -1: must be greater than or equal to 0/);
    assert.equal(await inShop("get", "deploy", "front", "-o", "jsonpath={.spec.replicas}"), "2");
  });

  test("uninstalls everything it made", async () => {
    assert.match(await helm("uninstall", "front", "-n", "shop", "--wait"), /release "front" uninstalled/);
    assert.equal(await inShop("get", "deploy,svc,secret,sa", "-l", "app.kubernetes.io/instance=front"), "");
    assert.doesNotMatch(await helm("list", "-A"), /front/);
  });
});
