/**
 * What autoscalers read: resource, custom and external metrics, which other servers add to the API. Values are in thousandths.
 * k8s.io/kubernetes/pkg/controller/podautoscaler/metrics.
 */
import {
  formatLabelSelector,
  type KubeObject,
  parseQuantity,
  parseTime,
  StatusError,
} from "../../apimachinery/index.ts";
import type { Client } from "../../client/index.ts";
import { isNotFound } from "../owners.ts";
import type { MetricIdentifier } from "./types.ts";

/** One pod's measurement. */
interface PodMetric {
  readonly milli: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly windowMs: number;
}

/** By the names of pods. */
export type PodMetrics = Map<string, PodMetric>;

const nanoPerMilli = 1_000_000n;
const defaultWindowMs = 60_000;

export const milliOf = (quantity: string): number => {
  const { nano } = parseQuantity(quantity);
  const milli = nano / nanoPerMilli;
  // As upstream: parts of a thousandth count as one.
  return Number(nano > 0n && nano % nanoPerMilli !== 0n ? milli + 1n : milli);
};

interface PodUsage extends KubeObject {
  timestamp?: string;
  window?: string;
  containers?: { name: string; usage?: Record<string, string> }[];
}

interface MetricValue extends KubeObject {
  describedObject?: { name?: string };
  timestamp?: string;
  windowSeconds?: number;
  value?: string;
}

export interface MetricsClient {
  /** Of a pod's containers together, or of one of them. @throws Error in upstream's words */
  resource(name: string, namespace: string, selector: string, container?: string): Promise<PodMetrics>;
  /** Of each pod. @throws Error in upstream's words */
  pods(metric: MetricIdentifier, namespace: string, selector: string): Promise<PodMetrics>;
  /** Of one object; `resource` in full: `ingresses.networking.k8s.io`. @throws Error in upstream's words */
  object(metric: MetricIdentifier, namespace: string, resource: string, name: string): Promise<number>;
  /** Of something outside of the cluster, all of its series together. @throws Error in upstream's words */
  external(metric: MetricIdentifier, namespace: string): Promise<number>;
}

export function createMetricsClient(client: Client): MetricsClient {
  async function custom(path: string, query: Record<string, string>): Promise<MetricValue[]> {
    const search = new URLSearchParams(query).toString();
    let failure: unknown;
    for (const version of ["v1beta2", "v1beta1"]) {
      try {
        return await read<MetricValue>(
          `/apis/custom.metrics.k8s.io/${version}/${path}${search === "" ? "" : `?${search}`}`,
        );
      } catch (error) {
        failure ??= error;
        if (!isNotFound(error)) break;
      }
    }
    if (isNotFound(failure) && !(await isRegistered()))
      failure = new Error("no custom metrics API (custom.metrics.k8s.io) registered");
    throw new Error(`unable to fetch metrics from custom metrics API: ${textOf(failure)}`);
  }

  async function isRegistered(): Promise<boolean> {
    const path = "/apis/custom.metrics.k8s.io";
    return (await client.raw({ method: "GET", path, accept: "application/json" })).status === 200;
  }

  async function read<T>(path: string): Promise<T[]> {
    const { status, body } = await client.raw({ method: "GET", path, accept: "application/json" });
    if (status !== 200) throw failureOf(status, body, path);
    return (JSON.parse(body) as { items?: T[] }).items ?? [];
  }

  const selectorOf = ({ selector }: MetricIdentifier): Record<string, string> =>
    selector === undefined ? {} : { metricLabelSelector: formatLabelSelector(selector) };

  return {
    async resource(name, namespace, selector, container) {
      let items: PodUsage[];
      try {
        const query = new URLSearchParams({ labelSelector: selector });
        items = await read(`/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods?${query}`);
      } catch (error) {
        throw new Error(`unable to fetch metrics from resource metrics API: ${textOf(error)}`);
      }
      if (items.length === 0) throw new Error("no metrics returned from resource metrics API");
      const found: PodMetrics = new Map();
      for (const item of items) {
        const milli = usageOf(item, name, container);
        if (milli === undefined) continue;
        found.set(item.metadata.name ?? "", {
          milli,
          atMs: parseTime(item.timestamp ?? "") ?? 0,
          windowMs: durationMs(item.window) ?? defaultWindowMs,
        });
      }
      return found;
    },
    async pods(metric, namespace, selector) {
      const query = { labelSelector: selector, ...selectorOf(metric) };
      const items = await custom(`namespaces/${namespace}/pods/*/${metric.name}`, query);
      if (items.length === 0) throw new Error("no metrics returned from custom metrics API");
      return new Map(
        items.map(({ describedObject, timestamp, windowSeconds, value = "0" }) => [
          describedObject?.name ?? "",
          {
            milli: milliOf(value),
            atMs: parseTime(timestamp ?? "") ?? 0,
            windowMs: windowSeconds === undefined ? defaultWindowMs : windowSeconds * 1_000,
          },
        ]),
      );
    },
    async object(metric, namespace, resource, name) {
      // A namespace's own metrics stand outside of it.
      const path =
        resource === "namespaces"
          ? `namespaces/${name}/metrics/${metric.name}`
          : `namespaces/${namespace}/${resource}/${name}/${metric.name}`;
      const [item] = await custom(path, selectorOf(metric));
      return milliOf(item?.value ?? "0");
    },
    async external(metric, namespace) {
      let items: MetricValue[];
      try {
        const { selector } = metric;
        const query =
          selector === undefined
            ? ""
            : `?${new URLSearchParams({ labelSelector: formatLabelSelector(selector) })}`;
        items = await read(
          `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${metric.name}${query}`,
        );
      } catch (error) {
        throw new Error(`unable to fetch metrics from external metrics API: ${textOf(error)}`);
      }
      if (items.length === 0) throw new Error("no metrics returned from external metrics API");
      return items.reduce((sum, { value = "0" }) => sum + milliOf(value), 0);
    },
  };
}

/** Undefined where a container's measurement is missing: the pod then counts as not measured. */
function usageOf({ containers = [] }: PodUsage, resource: string, only?: string): number | undefined {
  let sum = 0;
  let found = only === undefined;
  for (const { name, usage = {} } of containers) {
    if (only !== undefined && name !== only) continue;
    const value = usage[resource];
    if (value === undefined) return undefined;
    sum += milliOf(value);
    found = true;
  }
  return found ? sum : undefined;
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Go's duration: `30s`, `1m0s`. */
function durationMs(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 32) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    sum += Number(amount) * (durationUnits[unit as string] as number);
  }
  return sum;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** As client-go words it where no server answers for the group. */
function failureOf(status: number, body: string, path: string): StatusError {
  try {
    const parsed = JSON.parse(body) as { kind?: string; message?: string; reason?: string };
    if (parsed.kind === "Status")
      return new StatusError({ ...(parsed as object), code: status, status: "Failure" });
  } catch {
    // Plain text: the path leads nowhere.
  }
  const parts = /^\/apis\/([^/]+)\/[^/]+\/namespaces\/[^/]+\/([^/?]+)/.exec(path);
  const message =
    status === 404
      ? `the server could not find the requested resource (get ${parts?.[2]}.${parts?.[1]})`
      : `the server answered with status ${status}`;
  return new StatusError({
    code: status,
    status: "Failure",
    message,
    ...(status === 404 ? { reason: "NotFound" as const } : {}),
  });
}
