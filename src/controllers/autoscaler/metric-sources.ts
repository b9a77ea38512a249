import {
  formatQuantity,
  goLabelSelector,
  type KubeObject,
  type LabelSelector,
} from "../../apimachinery/index.ts";
import { type MetricsClient, milliOf } from "./metrics-client.ts";
import { replicasForAverage, replicasForUtilization, replicasForValue } from "./replica-calculator.ts";
import { isWithin, type MetricSpec, type ObjectReference, type Tolerances } from "./types.ts";

/** What one metric asks for. */
export interface MetricResult {
  readonly replicas: number;
  /** As events name it. */
  readonly name: string;
  /** For `status.currentMetrics`. */
  readonly status: object;
}

/** Why a metric says nothing: for the ScalingActive condition, and as the loop words it. */
export class MetricFailure extends Error {
  override readonly name = "MetricFailure";
  readonly reason: string;
  override readonly cause: string;

  constructor(reason: string, cause: string, message: string) {
    super(message);
    this.reason = reason;
    this.cause = cause;
  }
}

export interface MetricInput {
  readonly client: MetricsClient;
  readonly namespace: string;
  /** Of the target's pods, as text. */
  readonly selector: string;
  readonly pods: readonly KubeObject[];
  /** Wanted by the target, and there. */
  readonly specReplicas: number;
  readonly statusReplicas: number;
  readonly tolerances: Tolerances;
  readonly nowMs: number;
  /** `ingresses.networking.k8s.io` of a kind. */
  resourceOf(reference: ObjectReference): string;
}

/** @throws MetricFailure */
export async function evaluate(spec: MetricSpec, input: MetricInput): Promise<MetricResult> {
  switch (spec.type) {
    case "Resource":
      return await ofResource(spec, input);
    case "ContainerResource":
      return await ofContainer(spec, input);
    case "Pods":
      return await ofPods(spec, input);
    case "Object":
      return await ofObject(spec, input);
    case "External":
      return await ofExternal(spec, input);
    default: {
      const text = `unknown metric source type "${spec.type}"`;
      throw new MetricFailure("InvalidMetricSourceType", text, text);
    }
  }
}

/** A part of a spec that the API server has checked to be there. */
function needed<T>(part: T | undefined, spec: MetricSpec): T {
  if (part !== undefined) return part;
  const text = `metric of type ${spec.type} without its part`;
  throw new MetricFailure("InvalidMetricSourceType", text, text);
}

/** Runs it; what it throws is said as upstream says it, once for the condition and once for the loop. */
async function reading<T>(
  reason: string,
  texts: { readonly condition: (cause: string) => string; readonly loop: (cause: string) => string },
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const cause = texts.condition(error instanceof Error ? error.message : String(error));
    throw new MetricFailure(reason, cause, texts.loop(cause));
  }
}

/** As metrics-server writes it, where it is one of its resources. */
const quantity = (milli: number, resource?: string): string =>
  formatQuantity({
    nano: BigInt(milli) * 1_000_000n,
    format: resource === "memory" ? "BinarySI" : "DecimalSI",
  });

async function ofResource(spec: MetricSpec, input: MetricInput): Promise<MetricResult> {
  const { name, target } = needed(spec.resource, spec);
  const { replicas, current, metric } = await reading(
    "FailedGetResourceMetric",
    {
      condition: (cause) =>
        `failed to get ${name} ${target.averageValue === undefined ? "utilization" : "usage"}: ${cause}`,
      loop: (cause) => `failed to get ${name} resource metric value: ${cause}`,
    },
    () => measureResource(name, target, undefined, input),
  );
  return { replicas, name: metric, status: { type: spec.type, resource: { name, current } } };
}

async function ofContainer(spec: MetricSpec, input: MetricInput): Promise<MetricResult> {
  const { name, container, target } = needed(spec.containerResource, spec);
  const { replicas, current, metric } = await reading(
    "FailedGetContainerResourceMetric",
    {
      condition: (cause) =>
        `failed to get ${name} ${target.averageValue === undefined ? "utilization" : "usage"}: ${cause}`,
      loop: (cause) => `failed to get ${container} container metric value: ${cause}`,
    },
    () => measureResource(name, target, container, input),
  );
  const status = { type: spec.type, containerResource: { name, container, current } };
  return { replicas, name: metric, status };
}

async function measureResource(
  name: string,
  target: { averageValue?: string; averageUtilization?: number },
  container: string | undefined,
  input: MetricInput,
): Promise<{ replicas: number; current: object; metric: string }> {
  const { client, namespace, selector, specReplicas: currentReplicas } = input;
  const metrics = await prefixed(`unable to get metrics for resource ${name}`, () =>
    client.resource(name, namespace, selector, container),
  );
  const measured = { ...input, metrics, resource: name, currentReplicas };
  if (target.averageValue !== undefined) {
    const { replicas, average } = replicasForAverage(measured, milliOf(target.averageValue));
    return { replicas, current: { averageValue: quantity(average, name) }, metric: `${name} resource` };
  }
  if (target.averageUtilization === undefined) {
    throw new Error(
      "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set",
    );
  }
  const { replicas, utilization, average } = replicasForUtilization(
    measured,
    target.averageUtilization,
    container,
  );
  const what = container === undefined ? "resource" : "container resource";
  return {
    replicas,
    current: { averageUtilization: utilization, averageValue: quantity(average, name) },
    metric: `${name} ${what} utilization (percentage of request)`,
  };
}

async function prefixed<T>(text: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new Error(`${text}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function ofPods(spec: MetricSpec, input: MetricInput): Promise<MetricResult> {
  const { metric, target } = needed(spec.pods, spec);
  const { client, namespace, selector, specReplicas: currentReplicas } = input;
  const { replicas, average } = await reading(
    "FailedGetPodsMetric",
    { condition: (cause) => cause, loop: (cause) => `failed to get pods metric value: ${cause}` },
    async () => {
      const metrics = await prefixed(`unable to get metric ${metric.name}`, () =>
        client.pods(metric, namespace, selector),
      );
      const measured = { ...input, metrics, resource: "", currentReplicas };
      return replicasForAverage(measured, milliOf(target.averageValue ?? "0"));
    },
  );
  const current = { averageValue: quantity(average) };
  return {
    replicas,
    name: `pods metric ${metric.name}`,
    status: { type: spec.type, pods: { metric, current } },
  };
}

async function ofObject(spec: MetricSpec, input: MetricInput): Promise<MetricResult> {
  const { describedObject, metric, target } = needed(spec.object, spec);
  const { kind, name } = describedObject;
  const { replicas, current } = await reading(
    "FailedGetObjectMetric",
    {
      condition: (cause) => cause,
      loop: (cause) =>
        `failed to get object metric value: ${target.value === undefined ? `failed to get ${metric.name} object metric: ` : ""}${cause}`,
    },
    async () => {
      const usage = await (async () => {
        try {
          const resource = input.resourceOf(describedObject);
          return await input.client.object(metric, input.namespace, resource, name);
        } catch (error) {
          const cause = error instanceof Error ? error.message : String(error);
          // Upstream's values are in another order than its words.
          throw new Error(
            `unable to get metric ${metric.name}: ${kind} on ${input.namespace} ${name}/${cause}`,
          );
        }
      })();
      return ofOneValue(usage, target, input);
    },
  );
  return {
    replicas,
    name:
      target.value === undefined
        ? `external metric ${metric.name}(${textOf(metric.selector)})`
        : `${kind} metric ${metric.name}`,
    status: { type: spec.type, object: { metric, current, describedObject } },
  };
}

async function ofExternal(spec: MetricSpec, input: MetricInput): Promise<MetricResult> {
  const { metric, target } = needed(spec.external, spec);
  const { replicas, current } = await reading(
    "FailedGetExternalMetric",
    {
      condition: (cause) => cause,
      loop: (cause) => {
        const what =
          target.averageValue === undefined
            ? `external metric ${metric.name}`
            : `${metric.name} external metric`;
        return `failed to get ${metric.name} external metric value: failed to get ${what}: ${cause}`;
      },
    },
    async () => {
      const usage = await prefixed(
        `unable to get external metric ${input.namespace}/${metric.name}/${textOf(metric.selector)}`,
        () => input.client.external(metric, input.namespace),
      );
      return ofOneValue(usage, target, input);
    },
  );
  return {
    replicas,
    name: `external metric ${metric.name}(${textOf(metric.selector)})`,
    status: { type: spec.type, external: { metric, current } },
  };
}

/** One value for all pods: as it is, or shared among them. */
function ofOneValue(
  usage: number,
  target: { value?: string; averageValue?: string },
  { pods, specReplicas, statusReplicas, tolerances }: MetricInput,
): { replicas: number; current: object } {
  if (target.averageValue !== undefined) {
    const each = milliOf(target.averageValue);
    const steady = isWithin(usage / (each * statusReplicas), tolerances);
    const replicas = steady ? statusReplicas : Math.ceil(usage / each);
    const average = statusReplicas === 0 ? 0 : Math.ceil(usage / statusReplicas);
    return { replicas, current: { averageValue: quantity(average) } };
  }
  const ratio = usage / milliOf(target.value ?? "0");
  const replicas = replicasForValue({ pods, currentReplicas: specReplicas, tolerances }, ratio);
  return { replicas, current: { value: quantity(usage) } };
}

const textOf = (selector: LabelSelector | undefined): string =>
  selector === undefined ? "nil" : goLabelSelector(selector);
