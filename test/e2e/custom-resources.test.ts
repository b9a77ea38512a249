import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { CustomObjectsApi, KubeConfig, type KubernetesObject, makeInformer } from "@kubernetes/client-node";
import { eventually, run, startCluster, type TestCluster } from "./cluster.ts";
import { realClient } from "./kubectl-archive.ts";

const definition = (plural: string, kind: string, shortName: string) => `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ${plural}.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: ${plural}, kind: ${kind}, shortNames: [${shortName}], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [cronSpec]
            properties:
              cronSpec: {type: string, description: When it is due., pattern: '^\\S+( \\S+){4}$'}
              replicas: {type: integer, default: 1, maximum: 10}
              tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
            x-kubernetes-validations:
            - {rule: 'self.replicas != 7', message: seven is not lucky here}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
`;

const object = (name: string, spec: string) => `apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: ${name}}
spec: ${spec}
`;

suite("custom resources with unmodified clients", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster(["--members", "3"]);
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
  });

  const kubectl = async (args: readonly string[], input?: string) => {
    const { status, stdout, stderr } = await cluster.kubectl(args, input);
    assert.equal(status, 0, `kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const refused = async (args: readonly string[], input: string) => {
    const { status, stderr } = await cluster.kubectl(args, input);
    assert.notEqual(status, 0);
    return stderr;
  };

  test("kubectl defines a kind, explains it, and gets its objects by short name, category and columns", async () => {
    await kubectl(["apply", "-f", "-"], definition("crontabs", "CronTab", "ct"));
    await kubectl([
      "wait",
      "--for=condition=Established",
      "crd/crontabs.stable.example.com",
      "--timeout=10s",
    ]);
    assert.match(await kubectl(["explain", "crontabs.spec"]), /cronSpec\s+<string>.*\n\s+When it is due\./);
    await kubectl(["apply", "-f", "-"], object("a", '{cronSpec: "* * * * 5"}'));
    assert.match(await kubectl(["get", "ct"]), /NAME\s+SPEC\s+REPLICAS\na\s+\* \* \* \* 5\s+1\n/);
    assert.match(await kubectl(["get", "all"]), /crontab.stable.example.com\/a/);
    await kubectl(["apply", "-f", "-"], object("a", '{cronSpec: "* * * * 6"}'));
    assert.equal(await kubectl(["get", "ct", "a", "-o", "jsonpath={.spec.cronSpec}"]), "* * * * 6");
    await kubectl(["scale", "crontab/a", "--replicas=3"]);
    assert.equal(await kubectl(["get", "crontab", "a", "-o", "jsonpath={.spec.replicas}"]), "3");
  });

  test("objects that break the schema or a rule are refused with upstream's words", async () => {
    assert.match(
      await refused(["create", "-f", "-"], object("bad", "{cronSpec: never}")),
      /spec\.cronSpec: Invalid value: "never": spec\.cronSpec in body should match/,
    );
    assert.match(
      await refused(["create", "-f", "-"], object("bad", '{cronSpec: "* * * * 5", replicas: 7}')),
      /spec: Invalid value: .*seven is not lucky here/,
    );
    assert.match(
      await refused(["create", "-f", "-"], object("bad", '{cronSpec: "* * * * 5", typo: 1}')),
      /strict decoding error: unknown field "spec\.typo"/,
    );
  });

  test("server-side apply by two managers shares a set", async () => {
    const apply = (manager: string, tag: string) =>
      kubectl(
        ["apply", "--server-side", `--field-manager=${manager}`, "-f", "-"],
        object("shared", `{cronSpec: "* * * * 5", tags: [${tag}]}`),
      );
    await apply("one", "left");
    await apply("two", "right");
    assert.equal(await kubectl(["get", "ct", "shared", "-o", "jsonpath={.spec.tags}"]), '["left","right"]');
  });

  test("@kubernetes/client-node's informer follows custom objects", async () => {
    const config = new KubeConfig();
    config.loadFromFile(cluster.kubeconfig);
    const api = config.makeApiClient(CustomObjectsApi);
    const at = { group: "stable.example.com", version: "v1", namespace: "default", plural: "crontabs" };
    const seen: string[] = [];
    const informer = makeInformer<KubernetesObject>(
      config,
      "/apis/stable.example.com/v1/namespaces/default/crontabs",
      () => api.listNamespacedCustomObject(at),
    );
    informer.on("add", ({ metadata }) => seen.push(`add ${metadata?.name}`));
    informer.on("delete", ({ metadata }) => seen.push(`delete ${metadata?.name}`));
    await informer.start();
    await api.createNamespacedCustomObject({
      ...at,
      body: {
        apiVersion: "stable.example.com/v1",
        kind: "CronTab",
        metadata: { name: "watched" },
        spec: { cronSpec: "1 2 3 4 5" },
      },
    });
    await eventually("the informer sees it come", async () => seen.includes("add watched"));
    await api.deleteNamespacedCustomObject({ ...at, name: "watched" });
    await eventually("the informer sees it go", async () => seen.includes("delete watched"));
    await informer.stop();
  });

  test("helm installs a chart whose crds/ come before what they define", async () => {
    const chart = join(cluster.directory, "chart");
    mkdirSync(join(chart, "crds"), { recursive: true });
    mkdirSync(join(chart, "templates"));
    writeFileSync(join(chart, "Chart.yaml"), "apiVersion: v2\nname: charted\nversion: 0.1.0\n");
    writeFileSync(join(chart, "crds/kind.yaml"), definition("charts", "Chart", "ch"));
    writeFileSync(
      join(chart, "templates/one.yaml"),
      object("{{ .Release.Name }}", '{cronSpec: "* * * * 1"}').replace("CronTab", "Chart"),
    );
    const { status, stderr } = await run(realClient("helm"), ["install", "first", chart], {
      ...process.env,
      KUBECONFIG: cluster.kubeconfig,
      HOME: cluster.directory,
    });
    assert.equal(status, 0, stderr);
    assert.match(await kubectl(["get", "ch"]), /first\s+\* \* \* \* 1/);
  });

  test("a deleted kind takes its objects along, and its group leaves discovery", async () => {
    await kubectl([
      "delete",
      "crd",
      "crontabs.stable.example.com",
      "charts.stable.example.com",
      "--ignore-not-found",
    ]);
    await eventually(
      "the group is gone",
      async () => !/stable\.example\.com/.test(await kubectl(["api-versions"])),
    );
  });
});
