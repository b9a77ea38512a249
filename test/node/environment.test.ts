import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import type { InformerHandler } from "../../src/client/index.ts";
import { environmentOf } from "../../src/node/process/environment.ts";
import { expand } from "../../src/node/process/expand.ts";
import { fieldValue, resourceValue } from "../../src/node/process/fields.ts";
import type { Container, Pod } from "../../src/node/process/pod.ts";
import { ServiceVariables, serviceVariables } from "../../src/node/process/service-variables.ts";

const place = {
  nodeName: "n1",
  hostIp: "192.0.2.1",
  podIp: "127.128.0.2",
  allocatable: { cpu: "4", memory: "8Gi" },
};

function podOf(container: Partial<Container>): { pod: Pod; container: Container } {
  const whole: Container = { name: "main", ...container };
  const metadata = {
    name: "web-0",
    namespace: "shop",
    uid: "u1",
    labels: { app: "web", tier: 'a"b' },
    annotations: {},
  };
  return {
    pod: { metadata, spec: { containers: [whole], serviceAccountName: "default" } },
    container: whole,
  };
}

test("references are expanded as upstream expands them", () => {
  const values: Record<string, string> = { A: "1", EMPTY: "", "B.C": "2" };
  const cases: [string, string][] = [
    ["$(A)", "1"],
    ["x$(A)y$(EMPTY)z", "x1yz"],
    ["$$(A)", "$(A)"],
    ["$$$(A)", "$1"],
    ["$(MISSING)", "$(MISSING)"],
    ["$(B.C)", "2"],
    ["$A", "$A"],
    ["$(A", "$(A"],
    ["cost: 5$", "cost: 5$"],
    ["$$", "$"],
    ["$($(A))", "$($(A))"],
  ];
  for (const [text, expected] of cases)
    assert.equal(
      expand(text, (name) => values[name]),
      expected,
      text,
    );
});

test("variables come from services, envFrom and env, and the later ones win", async () => {
  const objects: Record<string, KubeObject> = {
    "configmap/settings": { kind: "ConfigMap", metadata: {}, data: { MODE: "map", COLOR: "red" } },
    "secret/keys": {
      kind: "Secret",
      metadata: {},
      data: { TOKEN: Buffer.from("s3cret").toString("base64") },
    },
  };
  const env = await environmentOf({
    ...podOf({
      envFrom: [
        { configMapRef: { name: "settings" } },
        { prefix: "K_", secretRef: { name: "keys" } },
        { configMapRef: { name: "missing", optional: true } },
      ],
      env: [
        { name: "MODE", value: "own" },
        { name: "URL", value: "http://$(WEB_SERVICE_HOST)/$(MODE)/$(LATER)" },
        { name: "LATER", value: "too late" },
        { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        { name: "CORES", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
        { name: "TOKEN", valueFrom: { secretKeyRef: { name: "keys", key: "TOKEN" } } },
        { name: "GONE", valueFrom: { configMapKeyRef: { name: "settings", key: "none", optional: true } } },
      ],
    }),
    place,
    base: { PATH: "/bin" },
    services: { WEB_SERVICE_HOST: "127.96.0.9" },
    objects: async (kind, name) => objects[`${kind}/${name}`],
  });
  assert.deepEqual(env, {
    PATH: "/bin",
    WEB_SERVICE_HOST: "127.96.0.9",
    MODE: "own",
    COLOR: "red",
    K_TOKEN: "s3cret",
    URL: "http://127.96.0.9/own/$(LATER)",
    LATER: "too late",
    IP: "127.128.0.2",
    CORES: "4",
    TOKEN: "s3cret",
  });
});

test("what is referred to and missing is named in the kubelet's words", async () => {
  const of = (container: Partial<Container>) =>
    environmentOf({
      ...podOf(container),
      place,
      base: {},
      services: {},
      objects: async (kind) => (kind === "secret" ? { kind: "Secret", metadata: {} } : undefined),
    });
  await assert.rejects(of({ envFrom: [{ configMapRef: { name: "nope" } }] }), {
    name: "CreateContainerConfigError",
    message: 'configmap "nope" not found',
  });
  await assert.rejects(of({ env: [{ name: "A", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }] }), {
    message: "couldn't find key k in Secret shop/s",
  });
});

test("a pod reads its own fields, and what it may use", () => {
  const { pod, container } = podOf({
    resources: { limits: { memory: "100Mi" }, requests: { cpu: "250m" } },
  });
  assert.equal(fieldValue(pod, place, "metadata.labels['app']"), "web");
  assert.equal(fieldValue(pod, place, "metadata.labels"), 'app="web"\ntier="a\\"b"');
  assert.equal(fieldValue(pod, place, "metadata.annotations['__proto__']"), "");
  assert.equal(resourceValue(pod, container, { resource: "requests.cpu", divisor: "1m" }, place), "250");
  assert.equal(resourceValue(pod, container, { resource: "requests.cpu" }, place), "1");
  assert.equal(resourceValue(pod, container, { resource: "limits.memory", divisor: "1Mi" }, place), "100");
  assert.equal(resourceValue(pod, container, { resource: "limits.cpu" }, place), "4");
  assert.throws(() => fieldValue(pod, place, "spec.nope"), /unsupported fieldPath/);
});

test("services are told as docker's links and as hosts and ports, and only those with an address", () => {
  const service = (name: string, namespace: string, clusterIP: string): KubeObject => ({
    metadata: { name, namespace },
    spec: {
      clusterIP,
      ports: [
        { name: "http-web", port: 80, protocol: "TCP" },
        { port: 53, protocol: "UDP" },
      ],
    },
  });
  const services = [
    service("my-db", "shop", "127.96.0.7"),
    service("headless", "shop", "None"),
    service("other", "elsewhere", "127.96.0.8"),
    service("kubernetes", "default", "127.96.0.1"),
  ];
  const all = serviceVariables(services, { namespace: "shop", links: true });
  assert.deepEqual(
    Object.keys(all).filter((name) => name.startsWith("MY_DB")),
    [
      "MY_DB_SERVICE_HOST",
      "MY_DB_SERVICE_PORT",
      "MY_DB_SERVICE_PORT_HTTP_WEB",
      "MY_DB_PORT",
      "MY_DB_PORT_80_TCP",
      "MY_DB_PORT_80_TCP_PROTO",
      "MY_DB_PORT_80_TCP_PORT",
      "MY_DB_PORT_80_TCP_ADDR",
      "MY_DB_PORT_53_UDP",
      "MY_DB_PORT_53_UDP_PROTO",
      "MY_DB_PORT_53_UDP_PORT",
      "MY_DB_PORT_53_UDP_ADDR",
    ],
  );
  assert.equal(all["MY_DB_PORT"], "tcp://127.96.0.7:80");
  assert.equal(all["KUBERNETES_SERVICE_HOST"], "127.96.0.1");
  assert.equal(all["OTHER_SERVICE_HOST"], undefined);
  const few = serviceVariables(services, { namespace: "shop", links: false });
  assert.deepEqual([few["MY_DB_SERVICE_HOST"], few["KUBERNETES_SERVICE_HOST"]], [undefined, "127.96.0.1"]);
});

test("a Service that is new is told to the next program, however often the others were", () => {
  const list: KubeObject[] = [];
  let changed: ((service: KubeObject) => void) | undefined;
  const informer = {
    lister: { list: () => list },
    addHandler(handler: InformerHandler<KubeObject>) {
      changed = (service) => handler.add?.(service, false);
      return () => {};
    },
  };
  const variables = new ServiceVariables(informer);
  assert.deepEqual(variables.of("shop", true), {});
  const service = { metadata: { name: "db", namespace: "shop" }, spec: { clusterIP: "127.96.0.7" } };
  list.push(service);
  changed?.(service);
  assert.equal(variables.of("shop", true)["DB_SERVICE_HOST"], "127.96.0.7");
  assert.equal(variables.of("shop", true), variables.of("shop", true), "worked out once");
});
