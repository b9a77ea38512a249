import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, suite, test } from "node:test";
import {
  ApiException,
  AppsV1Api,
  CoordinationV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  type V1ConfigMap,
  type V1Deployment,
  type V1Status,
  Watch,
} from "@kubernetes/client-node";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const namespace = "default";
const configMapsPath = `/api/v1/namespaces/${namespace}/configmaps`;

suite("the unmodified @kubernetes/client-node", () => {
  let cluster: TestCluster;
  let config: KubeConfig;
  let core: CoreV1Api;
  before(async () => {
    cluster = await startCluster(["--members", "3"]);
    config = new KubeConfig();
    config.loadFromFile(cluster.kubeconfig);
    core = config.makeApiClient(CoreV1Api);
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
  });

  const create = (name: string, data: Record<string, string> = {}) =>
    core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { of: "test" } }, data } });

  /** Fails with this status; what the Status says. */
  const refused = async (code: number, call: Promise<unknown>): Promise<V1Status> => {
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof ApiException, `${error}`);
    assert.equal(error.code, code, String(error.body));
    return (typeof error.body === "string" ? JSON.parse(error.body) : error.body) as V1Status;
  };

  /** Informers of this client end on an error; their users start them again. */
  const startInformer = async (events: string[]) => {
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: "of=test" });
    const informer = makeInformer<V1ConfigMap>(config, configMapsPath, list, "of=test");
    informer.on("add", (object) => events.push(`add ${object.metadata?.name}`));
    informer.on("update", (object) => events.push(`update ${object.metadata?.name}=${object.data?.["v"]}`));
    informer.on("delete", (object) => events.push(`delete ${object.metadata?.name}`));
    let stopped = false;
    informer.on("error", () => {
      if (!stopped) setTimeout(() => void informer.start(), 50);
    });
    await informer.start();
    return {
      names: () => informer.list(namespace).map(({ metadata }) => metadata?.name),
      async stop() {
        stopped = true;
        await informer.stop();
      },
    };
  };

  /** A JSON patch: the client's own default. */
  const replaceValue = (name: string, value: string) =>
    core.patchNamespacedConfigMap({ namespace, name, body: [{ op: "add", path: "/data/v", value }] });

  test("an informer sees objects come, change and go, and its cache agrees", async () => {
    await create("before", { v: "0" });
    const events: string[] = [];
    const informer = await startInformer(events);
    try {
      await eventually("the list", async () => events.includes("add before"));
      await create("later", { v: "1" });
      await replaceValue("later", "2");
      await core.deleteNamespacedConfigMap({ namespace, name: "before" });
      await eventually("the deletion", async () => events.includes("delete before"));
      assert.deepEqual(events, ["add before", "add later", "update later=2", "delete before"]);
      assert.deepEqual(informer.names(), ["later"]);
    } finally {
      await informer.stop();
    }
  });

  test("an informer goes on while each member is killed once, and misses nothing", async () => {
    const events: string[] = [];
    const informer = await startInformer(events);
    const names = Array.from({ length: 30 }, (_, index) => `load-${index}`);
    try {
      for (const [index, name] of names.entries()) {
        const [member, pid] = [...cluster.pids][Math.floor(index / 10)] as [string, number];
        if (index % 10 === 5) process.kill(pid, "SIGKILL");
        // A request may have been on a connection that died: then its outcome is not known, and 409 says that it was done.
        await eventually(`${name} is created`, async () => {
          try {
            await create(name);
            return true;
          } catch (error) {
            return error instanceof ApiException && error.code === 409;
          }
        });
        if (index % 10 !== 9) continue;
        const isBack = async () =>
          cluster.notices.some((line) => line.startsWith(`member ${member} is back`));
        await eventually(`${member} is back`, isBack);
      }
      await eventually("all are seen", async () => names.every((name) => informer.names().includes(name)));
    } finally {
      await informer.stop();
    }
  });

  test("a watch goes on from the resourceVersion where another ended, without gap or repetition", async () => {
    const first = await create("resumed", { v: "0" });
    const versions: string[] = [];
    for (let value = 1; value <= 5; value++) {
      versions.push((await replaceValue("resumed", String(value))).metadata?.resourceVersion ?? "");
    }
    const watchFrom = async (resourceVersion: string, count: number): Promise<V1ConfigMap[]> => {
      const seen: V1ConfigMap[] = [];
      const done = new EventTarget();
      const query = { resourceVersion, fieldSelector: "metadata.name=resumed", allowWatchBookmarks: true };
      const controller = await new Watch(config).watch(
        configMapsPath,
        query,
        (phase, object: V1ConfigMap) => {
          if (phase === "MODIFIED") seen.push(object);
          if (seen.length === count) done.dispatchEvent(new Event("enough"));
        },
        () => {},
      );
      if (seen.length < count) await once(done, "enough");
      controller.abort();
      return seen.slice(0, count);
    };
    const start = await watchFrom(first.metadata?.resourceVersion ?? "", 2);
    const rest = await watchFrom(start[1]?.metadata?.resourceVersion ?? "", 3);
    assert.deepEqual(
      [...start, ...rest].map(({ metadata }) => metadata?.resourceVersion),
      versions,
    );
  });

  test("pages a list, each page of the same revision", async () => {
    for (let index = 0; index < 5; index++) await create(`page-${index}`);
    const names: (string | undefined)[] = [];
    const revisions = new Set<string | undefined>();
    let token: string | undefined;
    let late = 0;
    do {
      const page = await core.listNamespacedConfigMap({
        namespace,
        limit: 2,
        ...(token ? { _continue: token } : {}),
      });
      names.push(
        ...page.items.map(({ metadata }) => metadata?.name).filter((name) => name?.startsWith("page-")),
      );
      revisions.add(page.metadata?.resourceVersion);
      token = page.metadata?._continue;
      if (token) await create(`page-late-${late++}`);
    } while (token);
    assert.deepEqual(names, ["page-0", "page-1", "page-2", "page-3", "page-4"]);
    assert.equal(revisions.size, 1);
  });

  test("server-side apply keeps what others own, tells conflicts, and takes over when forced", async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const manifest = (replicas?: number): V1Deployment => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "applied", namespace },
      spec: {
        ...(replicas === undefined ? {} : { replicas }),
        selector: { matchLabels: { app: "applied" } },
        template: {
          metadata: { labels: { app: "applied" } },
          spec: { containers: [{ name: "web", image: "nginx" }] },
        },
      },
    });
    const apply = (body: V1Deployment, manager: string, force = false) =>
      objects.patch(body, undefined, undefined, manager, force, PatchStrategy.ServerSideApply);

    const first = await apply(manifest(2), "alice");
    assert.equal(first.spec?.replicas, 2);
    const conflict = await refused(409, apply(manifest(5), "bob"));
    assert.match(
      conflict.message ?? "",
      /^Apply failed with 1 conflict: conflict with "alice": \.spec\.replicas$/,
    );
    assert.equal((await apply(manifest(5), "bob", true)).spec?.replicas, 5);
    // Alice no longer speaks of it, Bob still does.
    assert.equal((await apply(manifest(), "alice")).spec?.replicas, 5);
    const managers = (
      await config.makeApiClient(AppsV1Api).readNamespacedDeployment({ namespace, name: "applied" })
    ).metadata?.managedFields
      ?.filter(({ operation }) => operation === "Apply")
      .map(({ manager }) => manager);
    assert.deepEqual(managers?.sort(), ["alice", "bob"]);
  });

  test("of two candidates for a Lease one wins, and the other is told why not", async () => {
    const leases = config.makeApiClient(CoordinationV1Api);
    const body = {
      metadata: { name: "leader" },
      spec: { holderIdentity: "nobody", leaseDurationSeconds: 15 },
    };
    const vacant = await leases.createNamespacedLease({ namespace, body });
    const claim = (holderIdentity: string) =>
      leases.replaceNamespacedLease({
        namespace,
        name: "leader",
        body: { ...vacant, spec: { ...vacant.spec, holderIdentity } },
      });
    const outcomes = await Promise.allSettled([claim("a"), claim("b")]);
    const losers = outcomes.filter(({ status }) => status === "rejected");
    assert.equal(losers.length, 1);
    const status = await refused(409, Promise.reject((losers[0] as PromiseRejectedResult).reason));
    assert.equal(status.reason, "Conflict");
    const winner = outcomes[0]?.status === "fulfilled" ? "a" : "b";
    const lease = await leases.readNamespacedLease({ namespace, name: "leader" });
    assert.equal(lease.spec?.holderIdentity, winner);
  });

  test("errors carry the Status of the real server", async () => {
    const missing = await refused(404, core.readNamespacedPod({ namespace, name: "missing" }));
    assert.equal(missing.message, 'pods "missing" not found');
    await create("twice");
    const twice = await refused(409, create("twice"));
    assert.equal(twice.reason, "AlreadyExists");
    const invalid = await refused(422, create("Not A Name"));
    assert.equal(invalid.details?.causes?.[0]?.field, "metadata.name");
  });
});
