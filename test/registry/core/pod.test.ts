import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type KubeObject, StatusError } from "../../../src/apimachinery/index.ts";
import { qosClassOf } from "../../../src/registry/core/pod/resources.ts";
import { validateSysctls } from "../../../src/registry/core/pod/sysctls.ts";
import { podRow } from "../../../src/registry/core/pod/table.ts";
import type { Pod, PodSpec, PodStatus } from "../../../src/registry/core/pod/types.ts";
import { change, create, openRegistry } from "../open-registry.ts";
import { requestContext } from "../open-store.ts";

const pods = { group: "", version: "v1", resource: "pods" };
const now = Date.parse("2026-01-01T01:00:00Z");

const spec = (fields: Partial<PodSpec> = {}): PodSpec => ({
  containers: [
    { name: "app", image: "a" },
    { name: "side", image: "b" },
  ],
  ...fields,
});

function row(status: PodStatus, fields: { spec?: Partial<PodSpec>; deleted?: boolean } = {}): unknown[] {
  const pod: Pod = {
    metadata: {
      name: "web",
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...(fields.deleted ? { deletionTimestamp: "2026-01-01T00:59:00Z" } : {}),
    },
    spec: spec(fields.spec),
    status,
  };
  return podRow(pod, now);
}

const running = (name: string, restartCount = 0, finishedAt?: string) => ({
  name,
  ready: true,
  restartCount,
  state: { running: {} },
  ...(finishedAt === undefined ? {} : { lastState: { terminated: { exitCode: 1, finishedAt } } }),
});

describe("a pod's row says", () => {
  const cases: [string, unknown[], string, string, string][] = [
    [
      "how many of its containers are ready",
      row({ phase: "Running", containerStatuses: [running("app")] }),
      "1/2",
      "Running",
      "0",
    ],
    [
      "when it last restarted",
      row({
        phase: "Running",
        containerStatuses: [running("app", 3, "2026-01-01T00:50:00Z"), running("side", 1)],
      }),
      "2/2",
      "Running",
      "4 (10m ago)",
    ],
    [
      "why a container waits",
      row({
        phase: "Pending",
        containerStatuses: [{ name: "app", state: { waiting: { reason: "ImagePullBackOff" } } }],
      }),
      "0/2",
      "ImagePullBackOff",
      "0",
    ],
    [
      "how a container ended",
      row({ phase: "Failed", containerStatuses: [{ name: "app", state: { terminated: { exitCode: 3 } } }] }),
      "0/2",
      "ExitCode:3",
      "0",
    ],
    [
      "that it runs on when one container is done",
      row({
        phase: "Running",
        conditions: [{ type: "Ready", status: "True" }],
        containerStatuses: [
          { name: "app", state: { terminated: { exitCode: 0, reason: "Completed" } } },
          running("side"),
        ],
      }),
      "1/2",
      "Running",
      "0",
    ],
    [
      "how far its initialisation is",
      row(
        {
          phase: "Pending",
          initContainerStatuses: [{ name: "i", state: { terminated: { exitCode: 0 } } }, { name: "j" }],
        },
        { spec: { initContainers: [{ name: "i" }, { name: "j" }] } },
      ),
      "0/2",
      "Init:1/2",
      "0",
    ],
    [
      "that its initialisation failed",
      row(
        {
          phase: "Pending",
          initContainerStatuses: [
            { name: "i", restartCount: 2, state: { terminated: { exitCode: 1, signal: 9 } } },
          ],
        },
        { spec: { initContainers: [{ name: "i" }] } },
      ),
      "0/2",
      "Init:Signal:9",
      "2",
    ],
    [
      "that a container beside it counts",
      row(
        {
          phase: "Running",
          initContainerStatuses: [{ name: "p", started: true, ready: true }],
          containerStatuses: [running("app")],
        },
        { spec: { initContainers: [{ name: "p", restartPolicy: "Always" }] } },
      ),
      "2/3",
      "Running",
      "0",
    ],
    [
      "that it may not be scheduled",
      row({
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
      }),
      "0/2",
      "SchedulingGated",
      "0",
    ],
    ["that it ends", row({ phase: "Running" }, { deleted: true }), "0/2", "Terminating", "0"],
    ["that it had ended", row({ phase: "Succeeded" }, { deleted: true }), "0/2", "Succeeded", "0"],
    [
      "that its node is lost",
      row({ phase: "Running", reason: "NodeLost" }, { deleted: true }),
      "0/2",
      "Unknown",
      "0",
    ],
  ];
  for (const [name, cells, ready, status, restarts] of cases) {
    test(name, () => assert.deepEqual(cells.slice(0, 5), ["web", ready, status, restarts, "60m"]));
  }

  test("where it is", () => {
    const cells = row(
      {
        podIPs: [{ ip: "10.1.2.3" }],
        nominatedNodeName: "n2",
        conditions: [{ type: "x/open", status: "True" }],
      },
      {
        spec: { nodeName: "n1", readinessGates: [{ conditionType: "x/open" }, { conditionType: "x/shut" }] },
      },
    );
    assert.deepEqual(cells.slice(5), ["10.1.2.3", "n1", "n2", "1/2"]);
    assert.deepEqual(row({}).slice(5), ["<none>", "<none>", "<none>", "<none>"]);
  });
});

describe("quality of service", () => {
  const resources = (limits: Record<string, string> | undefined, requests = limits) => ({
    containers: [
      { name: "a", resources: { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) } },
    ],
  });
  test("nothing asked is BestEffort, zero included", () => {
    assert.equal(qosClassOf(resources(undefined)), "BestEffort");
    assert.equal(qosClassOf(resources(undefined, { cpu: "0" })), "BestEffort");
  });
  test("limits that are the requests, everywhere, are Guaranteed, however they are written", () => {
    assert.equal(
      qosClassOf(resources({ cpu: "1", memory: "1Gi" }, { cpu: "1000m", memory: "1024Mi" })),
      "Guaranteed",
    );
    assert.equal(qosClassOf(resources({ cpu: "1" })), "Burstable");
  });
});

describe("a pod", () => {
  const body = (fields: Record<string, unknown> = {}): KubeObject => ({
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name: "web", namespace: "default" },
    spec: { containers: [{ name: "app", image: "a:1" }], ...fields },
    status: { phase: "Running" },
  });

  test("begins Pending, whatever the client says", async () => {
    const made = await create(openRegistry().handler(pods), body());
    assert.deepEqual(made["status"], { phase: "Pending", qosClass: "BestEffort" });
    assert.equal(made.metadata.generation, 1);
  });

  test("that is gated says so, and since when", async () => {
    const gated = body({ schedulingGates: [{ name: "example.com/later" }] });
    const made = await create(openRegistry().handler(pods), gated);
    const [condition] = made["status"].conditions;
    assert.equal(condition.reason, "SchedulingGated");
    assert.equal(condition.lastTransitionTime, made.metadata.creationTimestamp);
  });

  test("counts what is wanted of it, and nothing else", async () => {
    const handler = openRegistry().handler(pods);
    await create(handler, body());
    const labelled = await change(handler, "web", (pod) => {
      pod.metadata.labels = { a: "b" };
    });
    assert.equal(labelled.metadata.generation, 1);
    const changed = await change(handler, "web", (pod) => {
      pod["spec"].containers[0].image = "a:2";
    });
    assert.equal(changed.metadata.generation, 2);
  });

  test("says which fields may not change", async () => {
    const handler = openRegistry().handler(pods);
    await create(handler, body());
    const edit = change(handler, "web", (pod) => {
      pod["spec"].containers[0].command = ["x"];
    });
    await assert.rejects(edit, (error: unknown) => {
      assert.ok(error instanceof StatusError);
      assert.match(
        error.message,
        /^Pod "web" is invalid: spec: Forbidden: pod updates may not change fields other than /,
      );
      assert.match(error.message, /\n- {3}"Command": null,\n\+ {3}"Command": \[\n\+ {4}"x"\n\+ {3}\],\n/);
      return true;
    });
  });

  const graceOf = async (
    spec: Record<string, unknown>,
    gracePeriodSeconds?: number,
  ): Promise<number | undefined> => {
    const handler = openRegistry().handler(pods);
    await create(handler, body(spec));
    const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    const result = await handler.delete?.("web", requestContext(), options);
    return result?.removed ? undefined : result?.object.object.metadata.deletionGracePeriodSeconds;
  };

  test("on a node is given its time to end, one that runs nowhere is not", async () => {
    assert.equal(await graceOf({ nodeName: "n" }), 30);
    assert.equal(await graceOf({ nodeName: "n", terminationGracePeriodSeconds: 5 }), 5);
    assert.equal(await graceOf({ nodeName: "n" }, 7), 7);
    assert.equal(await graceOf({ nodeName: "n" }, 0), undefined);
    assert.equal(await graceOf({}), undefined);
  });
});

test("kernel parameters have good names, each once, and are not those of a node that the pod shares", () => {
  const parameters = ["foo-", "kernel.shmmax", "net/ipv4/ip_forward", "kernel.shmmax", "a..b"];
  const sysctls = parameters.map((name) => ({ name, value: "1" }));
  const shared = spec({ hostNetwork: true, securityContext: { sysctls } });
  const told = validateSysctls(shared, "sysctls").map(({ type, field }) => [type, field]);
  assert.deepEqual(told, [
    ["FieldValueInvalid", "sysctls[0].name"],
    ["FieldValueInvalid", "sysctls[2].name"],
    ["FieldValueDuplicate", "sysctls[3].name"],
    ["FieldValueInvalid", "sysctls[4].name"],
  ]);
});
