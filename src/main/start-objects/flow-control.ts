/**
 * FlowSchemas and PriorityLevelConfigurations as kube-apiserver keeps them: the mandatory and suggested ones are there and as they
 * should be, and each FlowSchema says whether its priority level exists. `apiserver` names them in its answers, and bounds requests
 * without looking at them.
 */
import { deepEqual, formatTime, type KubeObject } from "../../apimachinery/index.ts";
import { createInformerFactory, errorText, pause } from "../../client/index.ts";
import type { Random } from "../../platform/index.ts";
import { flowControlDefaults } from "../../registry/index.ts";
import { createMissing, ensure, type PlantedOptions } from "./ensure.ts";

const group = { group: "flowcontrol.apiserver.k8s.io", version: "v1" };
const flowSchemas = { ...group, resource: "flowschemas" };
const priorityLevels = { ...group, resource: "prioritylevelconfigurations" };
/** Between two looks whether they are as they should be: upstream's interval. Milliseconds. */
const repairMs = 60_000;
const consumerName = "api-priority-and-fairness-config-consumer-v1";

export interface FlowControlOptions extends PlantedOptions {
  readonly random: Random;
}

/** Until the signal fires. `there`: all of them are for the first time. */
export function keepFlowControl(options: FlowControlOptions): { readonly there: Promise<void> } {
  const there =
    options.isPlanted === true
      ? Promise.resolve()
      : ensure(options, "FlowSchemas and PriorityLevelConfigurations are", () => makeAll(options));
  void repair(options, there);
  void there.then(() => watchReferences(options));
  return { there };
}

async function makeAll({ client }: FlowControlOptions): Promise<void> {
  const { mandatory, suggested } = flowControlDefaults;
  await Promise.all([
    createMissing(client, priorityLevels, [...mandatory.priorityLevels, ...suggested.priorityLevels]),
    createMissing(client, flowSchemas, [...mandatory.flowSchemas, ...suggested.flowSchemas]),
  ]);
}

async function repair(options: FlowControlOptions, there: Promise<void>): Promise<void> {
  const { client, clock, log, signal } = options;
  const { mandatory, suggested, autoUpdateAnnotation } = flowControlDefaults;
  await there;
  while (!signal.aborted) {
    await pause(clock, repairMs, signal);
    if (signal.aborted) return;
    try {
      await makeAll(options);
      for (const [resource, kinds] of [
        [priorityLevels, [...mandatory.priorityLevels, ...suggested.priorityLevels]],
        [flowSchemas, [...mandatory.flowSchemas, ...suggested.flowSchemas]],
      ] as const) {
        const { items } = await client.list(resource, {});
        for (const wanted of kinds) {
          const found = items.find(({ metadata }) => metadata.name === wanted.metadata.name);
          // Without "true" it belongs to whoever changed it.
          if (found?.metadata.annotations?.[autoUpdateAnnotation] !== "true") continue;
          if (!deepEqual(found["spec"], wanted["spec"])) {
            await client.update(resource, { ...found, spec: wanted["spec"] });
          }
        }
      }
    } catch (error) {
      log.debug("FlowSchemas could not be looked after", { error: errorText(error) });
    }
  }
}

/** Says in each FlowSchema whether its priority level is there. */
function watchReferences(options: FlowControlOptions): void {
  const { client, clock, log, signal } = options;
  const informers = createInformerFactory(options);
  const schemas = informers.informer(flowSchemas);
  const levels = informers.informer(priorityLevels);

  const check = async (schema: KubeObject): Promise<void> => {
    if (!schemas.hasSynced || !levels.hasSynced) return;
    const wanted = danglingCondition(schema, levels.lister);
    const { name = "" } = schema.metadata;
    const now = conditionOf(schema);
    if (now?.status === wanted.status && now.reason === wanted.reason && now.message === wanted.message)
      return;
    const lastTransitionTime = formatTime(clock.now());
    const body = {
      apiVersion: "flowcontrol.apiserver.k8s.io/v1",
      kind: "FlowSchema",
      metadata: { name, uid: schema.metadata.uid },
      status: { conditions: [{ ...wanted, lastTransitionTime }] },
    };
    try {
      const patch = { type: "apply", body, subresource: "status", fieldManager: consumerName } as const;
      await client.patch(flowSchemas, name, { ...patch, force: true });
    } catch (error) {
      log.debug("a FlowSchema's condition was not written", { name, error: errorText(error) });
    }
  };
  const checkAll = (level?: KubeObject): void => {
    for (const schema of schemas.lister.list()) {
      if (level === undefined || levelOf(schema) === level.metadata.name) void check(schema);
    }
  };
  schemas.addHandler({ add: check, update: check });
  levels.addHandler({ add: checkAll, delete: checkAll });
  informers.start(signal);
  void informers.synced().then(() => checkAll());
}

interface Dangling {
  readonly type: "Dangling";
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

const levelOf = (schema: KubeObject): string => schema["spec"]?.priorityLevelConfiguration?.name ?? "";

function conditionOf(schema: KubeObject): Dangling | undefined {
  const conditions = (schema["status"]?.conditions ?? []) as Dangling[];
  return conditions.find(({ type }) => type === "Dangling");
}

function danglingCondition(
  schema: KubeObject,
  levels: { get(namespace: string, name: string): unknown },
): Dangling {
  const name = levelOf(schema);
  const start = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)}`;
  if (levels.get("", name) !== undefined) {
    return { type: "Dangling", status: "False", reason: "Found", message: `${start} and it exists` };
  }
  return {
    type: "Dangling",
    status: "True",
    reason: "NotFound",
    message: `${start} but there is no such object`,
  };
}
