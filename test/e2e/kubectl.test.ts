import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { createClient, undiciTransport } from "../../src/client/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

suite("the unmodified kubectl", () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster(["--nodes", "2"]);
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
  });

  /** Standard output of a call that must succeed. */
  const kubectl = async (...args: string[]) => {
    const { status, stdout, stderr } = await cluster.kubectl(args);
    assert.equal(status, 0, `kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };

  /** Standard error of a call that must fail. */
  const refused = async (args: string[], input?: string) => {
    const { status, stderr } = await cluster.kubectl(args, input);
    assert.notEqual(status, 0, `kubectl ${args.join(" ")} was accepted`);
    return stderr;
  };

  const addresses = async (name: string) =>
    (await kubectl("get", "endpoints", name, "-o", "jsonpath={.subsets[*].addresses[*].ip}"))
      .split(" ")
      .filter((ip) => ip !== "");

  test("applies a manifest, waits for its rollout, and finds nothing to change the second time", async () => {
    assert.equal(
      await kubectl("apply", "-f", "manifests/docker-registry.yaml"),
      "service/docker-registry created\ndeployment.apps/docker-registry created\n",
    );
    assert.match(
      await kubectl("rollout", "status", "deployment/docker-registry", "--timeout=30s"),
      /successfully rolled out/,
    );
    assert.equal(
      await kubectl("apply", "-f", "manifests/docker-registry.yaml"),
      "service/docker-registry unchanged\ndeployment.apps/docker-registry unchanged\n",
    );
  });

  test("prints the tables that a real server prints", async () => {
    assert.match(
      await kubectl("get", "nodes"),
      /^NAME +STATUS +ROLES +AGE +VERSION\n(\S+ +Ready +<none> +\d+s +v1\.35\S*\n){2}$/,
    );
    assert.match(
      await kubectl("get", "service", "docker-registry"),
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\ndocker-registry +ClusterIP +10\.96\.\d+\.\d+ +<none> +5000\/TCP +\d+s\n$/,
    );
    assert.match(
      await kubectl("get", "deploy"),
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\ndocker-registry +1\/1 +1 +1 +\d+s\n$/,
    );
    assert.match(
      await kubectl("get", "deploy", "-o", "wide"),
      /CONTAINERS +IMAGES +SELECTOR\ndocker-registry .* registry +host +app=docker-registry\n$/,
    );
    assert.match(
      await kubectl("get", "pods"),
      /^NAME +READY +STATUS +RESTARTS +AGE\ndocker-registry-\S+-\w{5} +1\/1 +Running +0 +\d+s\n$/,
    );
    assert.match(
      await kubectl("get", "endpoints", "docker-registry"),
      /^NAME +ENDPOINTS +AGE\ndocker-registry +10\.1\d\d\.\d+\.\d+:5000 +\d+s\n$/,
    );
  });

  test("gets yaml, json and jsonpath of one object", async () => {
    assert.match(
      await kubectl("get", "svc", "docker-registry", "-o", "yaml"),
      /^apiVersion: v1\nkind: Service\n/,
    );
    const object = JSON.parse(await kubectl("get", "deploy", "docker-registry", "-o", "json"));
    assert.equal(object.spec.strategy.type, "RollingUpdate");
    assert.equal(
      await kubectl("get", "svc", "docker-registry", "-o", "jsonpath={.spec.ports[0].port}"),
      "5000",
    );
  });

  test("scales, and the Endpoints follow", async () => {
    assert.equal(
      await kubectl("scale", "deployment/docker-registry", "--replicas=3"),
      "deployment.apps/docker-registry scaled\n",
    );
    const ips = await eventually("three addresses", async () => {
      const found = await addresses("docker-registry");
      return found.length === 3 && found;
    });
    assert.equal(new Set(ips).size, 3);
    assert.match(
      await kubectl("get", "endpointslices", "-l", "kubernetes.io/service-name=docker-registry"),
      /IPv4 +5000/,
    );
    await kubectl("scale", "deployment/docker-registry", "--replicas=1");
    await eventually("one address", async () => (await addresses("docker-registry")).length === 1);
  });

  test("describes a Service with its endpoints and a Deployment with its events", async () => {
    const service = await kubectl("describe", "service", "docker-registry");
    assert.match(service, /^Endpoints: +10\.\d+\.\d+\.\d+:5000$/m);
    const deployment = await kubectl("describe", "deployment", "docker-registry");
    assert.match(deployment, /Scaled up replica set docker-registry-\w+ from 0 to 1/);
    assert.match(await kubectl("describe", "nodes"), /^PodCIDR: +10\.1\d\d\.\d+\.0\/23$/m);
    assert.match(await kubectl("describe", "pods"), /Successfully assigned default\/docker-registry-\S+ to /);
  });

  test("patches in three ways, labels and annotates", async () => {
    await kubectl(
      "patch",
      "svc",
      "docker-registry",
      "-p",
      '{"spec":{"ports":[{"port":5000,"name":"renamed","targetPort":5000}]}}',
    );
    assert.equal(
      await kubectl("get", "svc", "docker-registry", "-o", "jsonpath={.spec.ports[*].name}"),
      "renamed",
    );
    await kubectl(
      "patch",
      "svc",
      "docker-registry",
      "--type=merge",
      "-p",
      '{"metadata":{"labels":{"tier":"x"}}}',
    );
    await kubectl(
      "patch",
      "svc",
      "docker-registry",
      "--type=json",
      "-p",
      '[{"op":"remove","path":"/metadata/labels/tier"}]',
    );
    assert.match(await kubectl("label", "svc", "docker-registry", "team=a"), /labeled/);
    await kubectl("annotate", "svc", "docker-registry", "note=b");
    assert.equal(await kubectl("get", "svc", "-l", "team=a", "-o", "name"), "service/docker-registry\n");
    const labels = JSON.parse(
      await kubectl("get", "svc", "docker-registry", "-o", "jsonpath={.metadata.labels}"),
    );
    assert.deepEqual(labels, { app: "docker-registry", team: "a" });
  });

  test("creates by its own generators", async () => {
    await kubectl("create", "namespace", "made");
    await kubectl("create", "configmap", "settings", "-n", "made", "--from-literal=a=1");
    await kubectl("create", "secret", "generic", "password", "-n", "made", "--from-literal=p=x");
    await kubectl("create", "deployment", "web", "-n", "made", "--image=nginx", "--replicas=2");
    await kubectl("expose", "deployment", "web", "-n", "made", "--port=80");
    assert.match(
      await kubectl("wait", "-n", "made", "--for=condition=Available", "deployment/web", "--timeout=30s"),
      /condition met/,
    );
    assert.match(
      await kubectl("set", "image", "-n", "made", "deployment/web", "nginx=nginx:2"),
      /image updated/,
    );
    await kubectl("rollout", "status", "-n", "made", "deployment/web", "--timeout=30s");
    assert.match(await kubectl("rollout", "history", "-n", "made", "deployment/web"), /^1 .*\n2 /m);
    await kubectl("rollout", "undo", "-n", "made", "deployment/web");
    await kubectl("rollout", "status", "-n", "made", "deployment/web", "--timeout=30s");
    assert.equal(
      await kubectl(
        "get",
        "deploy",
        "web",
        "-n",
        "made",
        "-o",
        "jsonpath={.spec.template.spec.containers[0].image}",
      ),
      "nginx",
    );
  });

  test("deletes a namespace with everything in it, and waits until it is gone", async () => {
    assert.match(await kubectl("delete", "namespace", "made", "--timeout=60s"), /deleted/);
    assert.match(await refused(["get", "namespace", "made"]), /namespaces "made" not found/);
    assert.equal(await kubectl("get", "all", "-n", "made"), "");
  });

  test("watches changes as rows", async () => {
    const watching = cluster.start("kubectl", [
      "get",
      "configmap",
      "-w",
      "--no-headers",
      "-o",
      "custom-columns=N:.metadata.name,V:.data.v",
    ]);
    const seen: string[] = [];
    for await (const line of watching.lines) {
      const [name = "", value = ""] = line.split(/\s+/);
      if (name === "kube-root-ca.crt") {
        if (seen.length === 0) await kubectl("create", "configmap", "watched", "--from-literal=v=1");
        continue;
      }
      seen.push(`${name}=${value}`);
      if (value === "1")
        await kubectl("patch", "configmap", "watched", "--type=merge", "-p", '{"data":{"v":"2"}}');
      else break;
    }
    watching.stop();
    assert.deepEqual(seen, ["watched=1", "watched=2"]);
  });

  test("refuses by name what no simulated pod can do", async () => {
    await kubectl("run", "idle", "--image=nginx", "--restart=Never");
    const why = /node hollow-\d serves no logs, commands or ports: its agent has no endpoint/;
    assert.match(await refused(["logs", "idle"]), why);
    assert.match(await refused(["exec", "idle", "--", "ls"]), why);
    await kubectl("delete", "pod", "idle", "--now");
  });

  test("finds the Service kubernetes again after deleting it", async () => {
    await kubectl("delete", "service", "kubernetes");
    const clusterIp = await eventually("the Service is back", async () => {
      const { status, stdout } = await cluster.kubectl([
        "get",
        "svc",
        "kubernetes",
        "-o",
        "jsonpath={.spec.clusterIP}",
      ]);
      return status === 0 && stdout;
    });
    assert.equal(clusterIp, "10.96.0.1");
  });

  test("finds the resources, explains their fields", async () => {
    const resources = await kubectl("api-resources");
    assert.match(resources, /^services +svc +v1 +true +Service$/m);
    assert.match(resources, /^deployments +deploy +apps\/v1 +true +Deployment$/m);
    const explained = await kubectl("explain", "service.spec.ports");
    assert.match(explained, /^KIND: +Service\nVERSION: +v1\n/);
    assert.match(explained, /targetPort\t<IntOrString>/);
    assert.match(await kubectl("version"), /^Server Version: v1\.35\./m);
  });

  test("makes, prints and describes ingresses, network policies and priority classes", async () => {
    await kubectl(
      "create",
      "ingress",
      "edge",
      "--class=nginx",
      "--rule=a.example/*=docker-registry:5000,tls=cert",
    );
    assert.match(
      await kubectl("get", "ingress", "edge"),
      /^NAME +CLASS +HOSTS +ADDRESS +PORTS +AGE\nedge +nginx +a\.example +80, 443 +\d+s\n$/,
    );
    assert.match(
      await kubectl("describe", "ingress", "edge"),
      /a\.example\s+\/ +docker-registry:5000 \(10\.1\d\d\.\d+\.\d+:5000/,
    );
    const policy = { podSelector: { matchLabels: { app: "docker-registry" } }, ingress: [{}] };
    const manifest = {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "open" },
      spec: policy,
    };
    const file = join(cluster.directory, "policy.json");
    writeFileSync(file, JSON.stringify(manifest));
    await kubectl("apply", "-f", file);
    assert.match(await kubectl("get", "netpol", "open"), /\nopen +app=docker-registry +\d+s\n$/);
    assert.match(await kubectl("describe", "netpol", "open"), /Policy Types: Ingress/);
    await kubectl("create", "priorityclass", "high", "--value=1000", "--description=first");
    const classes = await kubectl("get", "priorityclasses");
    assert.match(classes, /\nhigh +1000 +false +\d+s +PreemptLowerPriority\n/);
    assert.match(classes, /\nsystem-cluster-critical +2000000000 +false /);
    assert.match(classes, /\nsystem-node-critical +2000001000 +false /);
    assert.match(await kubectl("describe", "priorityclass", "high"), /Value: +1000/);
    assert.match(
      await refused(["delete", "priorityclass", "system-node-critical"]),
      /this is a system priority class and cannot be deleted/,
    );
    await kubectl("delete", "ingress/edge", "netpol/open", "priorityclass/high");
  });

  test("applies, prints and describes a storage class, whose provisioner stays", async () => {
    const file = join(cluster.directory, "class.json");
    const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
    const storageClass = {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "fast", annotations },
      provisioner: "disks.example/ssd",
    };
    writeFileSync(file, JSON.stringify(storageClass));
    await kubectl("apply", "-f", file);
    assert.match(
      await kubectl("get", "sc"),
      /\nfast \(default\) +disks\.example\/ssd +Delete +Immediate +false +\d+s\n$/,
    );
    assert.match(await kubectl("describe", "sc", "fast"), /IsDefaultClass: +Yes/);
    writeFileSync(file, JSON.stringify({ ...storageClass, provisioner: "disks.example/hdd" }));
    assert.match(await refused(["apply", "-f", file]), /updates to provisioner are forbidden/);
    await kubectl("delete", "sc", "fast");
  });

  test("is refused as a real server would refuse it", async () => {
    const service = (extra: object) =>
      JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name: "bad" }, ...extra });
    assert.match(
      await refused(["apply", "-f", "-"], service({ spec: { ports: [{ port: 80000 }] } })),
      /The Service "bad" is invalid: \s*(?:\* )?spec\.ports\[0\]\.port: Invalid value: 80000: must be between 1 and 65535, inclusive/,
    );
    assert.match(
      await refused(["apply", "-f", "-"], service({ spek: {} })),
      /strict decoding error: unknown field "spek"/,
    );
    assert.match(
      await refused(["create", "-f", "-"], service({ spec: { ports: [{ port: "x" }] } })),
      /cannot unmarshal string into Go struct field ServicePort\.spec\.ports\.port of type int32/,
    );
    assert.match(
      await refused(["create", "-f", "manifests/docker-registry.yaml"]),
      /services "docker-registry" already exists/,
    );
    assert.match(await refused(["get", "nonsense"]), /the server doesn't have a resource type "nonsense"/);
    assert.match(await refused(["apply", "-f", "-"], "a: [1"), /error (parsing|converting)/);
    assert.match(
      await refused(["apply", "-f", "-"], "apiVersion: v9\nkind: Nope\nmetadata: {name: x}"),
      /no matches for kind "Nope" in version "v9"/,
    );
    const stale = JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "watched", resourceVersion: "1" },
    });
    assert.match(
      await refused(["replace", "-f", "-"], stale),
      /the object has been modified; please apply your changes to the latest version and try again/,
    );
  });

  test("lets in nobody with a wrong token, another authority's certificate, or nothing", async () => {
    const url = cluster.output.find((line) => line.startsWith("Resource API"))?.split(/\s+/)[2] ?? "";
    const stranger = ["--kubeconfig", "/dev/null", "--server", url, "--insecure-skip-tls-verify"];
    assert.match(
      await refused([...stranger, "--token", "wrong", "get", "pods"]),
      /Unauthorized|provide credentials/,
    );
    const { clock, random } = nodePlatform();
    const authority = createAuthority("kubernetes-ca", { clock, random });
    const admin = { commonName: "admin", organizations: ["system:masters"], usages: ["client"] as const };
    const { cert, key } = issueCertificate(authority, admin, { clock, random });
    const files = {
      cert: join(cluster.directory, "stranger.crt"),
      key: join(cluster.directory, "stranger.key"),
    };
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
    const shown = ["--client-certificate", files.cert, "--client-key", files.key];
    assert.match(await refused([...stranger, ...shown, "get", "pods"]), /Unauthorized|provide credentials/);
    const anonymous = createClient({
      transport: undiciTransport({ server: url, insecureSkipTlsVerify: true }),
      userAgent: "test",
    });
    const { status, body } = await anonymous.raw({ method: "GET", path: "/api/v1/pods" });
    assert.equal(status, 403);
    assert.match(
      body,
      /User \\"system:anonymous\\" cannot list resource \\"pods\\" in API group \\"\\" at the cluster scope/,
    );
    assert.deepEqual(await anonymous.raw({ method: "GET", path: "/readyz" }), { status: 200, body: "ok" });
  });

  test("deletes what a manifest names", async () => {
    assert.match(
      await kubectl("delete", "-f", "manifests/docker-registry.yaml"),
      /service "docker-registry" deleted/,
    );
    await eventually("no pod is left", async () => (await kubectl("get", "pods", "-o", "name")) === "");
  });
});
