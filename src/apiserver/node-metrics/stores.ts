/** metrics.k8s.io/v1beta1: what nodes and pods use, of which `kubectl top` and autoscalers ask. Looked at, stored nowhere. */
import { errors, formatTime, type KubeObject } from "../../apimachinery/index.ts";
import {
  type ListQuery,
  type RequestContext,
  type ResourceHandler,
  type Strategy,
  transientObject,
  type Verb,
} from "../../registry/index.ts";
import { formOfKind, type KindForm, type ResourceInfo } from "../../schema/index.ts";
import type { Stored, StoredList } from "../../storage/index.ts";
import type { Summary } from "./summaries.ts";

export const metricsGroup = "metrics.k8s.io";
export const metricsVersion = "v1beta1";
/** What the agents' rates are taken over, about. */
const window = "10s";

/** Where the figures and the labels of what they belong to come from. */
export interface MetricsSource {
  summaries(): Promise<readonly Summary[]>;
  node(name: string): KubeObject | undefined;
  pod(namespace: string, name: string): Promise<KubeObject | undefined>;
  now(): number;
}

export class MetricsStore implements ResourceHandler {
  readonly resource;
  readonly info: ResourceInfo;
  readonly subresource = "";
  readonly kind;
  readonly form: KindForm;
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[] = ["get", "list"];
  readonly rules = {};
  readonly strategy: Strategy;
  readonly #source: MetricsSource;

  constructor(resource: "nodes" | "pods", source: MetricsSource) {
    this.#source = source;
    this.namespaced = resource === "pods";
    this.resource = { group: metricsGroup, version: metricsVersion, resource };
    this.kind = {
      group: metricsGroup,
      version: metricsVersion,
      kind: resource === "pods" ? "PodMetrics" : "NodeMetrics",
    };
    this.strategy = { namespaced: this.namespaced };
    // Nothing is ever sent here: of a form only what answers need is looked at, and that is JSON.
    this.form = {
      ...formOfKind({ group: "", version: "v1", kind: "ConfigMap" }),
      kind: this.kind,
      listKind: `${this.kind.kind}List`,
      custom: true,
    };
    this.info = {
      ...this.resource,
      singular: "",
      kind: this.kind.kind,
      namespaced: this.namespaced,
      shortNames: [],
      categories: [],
      verbs: this.verbs,
      subresources: [],
      columns: [],
      storageName: resource,
    };
  }

  async get(name: string, context: RequestContext): Promise<Stored> {
    const all = await this.#all(context.namespace);
    const found = all.find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw errors.notFound(this.resource, name);
    return transientObject(name, found);
  }

  async list({ namespace, predicate }: ListQuery): Promise<StoredList> {
    const items = (await this.#all(namespace)).filter((object) => predicate.matches(object));
    return {
      items: items.map((object) => transientObject(object.metadata.name ?? "", object)),
      resourceVersion: "",
      continue: "",
      remainingItemCount: undefined,
    };
  }

  async #all(namespace: string): Promise<KubeObject[]> {
    const summaries = await this.#source.summaries();
    if (!this.namespaced) return summaries.flatMap(({ node }) => this.#nodeMetrics(node));
    const pods = summaries.flatMap(({ pods }) => pods);
    const wanted = pods.filter(({ podRef }) => namespace === "" || podRef.namespace === namespace);
    return (await Promise.all(wanted.map((pod) => this.#podMetrics(pod)))).flat();
  }

  #nodeMetrics(node: Summary["node"]): KubeObject[] {
    const object = this.#source.node(node.nodeName);
    const usage = usageOf(node);
    if (object === undefined || usage === undefined) return [];
    return [{ ...this.#head(object, node.cpu?.time), usage }];
  }

  async #podMetrics({ podRef, containers = [] }: Summary["pods"][number]): Promise<KubeObject[]> {
    const used = containers.flatMap((container) => {
      const usage = usageOf(container);
      return usage === undefined ? [] : [{ name: container.name, usage }];
    });
    const object = used.length === 0 ? undefined : await this.#source.pod(podRef.namespace, podRef.name);
    if (object === undefined) return [];
    return [{ ...this.#head(object, containers[0]?.cpu?.time), containers: used }];
  }

  #head({ metadata: { name, namespace, labels } }: KubeObject, timestamp: string | undefined): KubeObject {
    const now = formatTime(this.#source.now());
    return {
      kind: this.kind.kind,
      apiVersion: `${metricsGroup}/${metricsVersion}`,
      metadata: {
        ...(name === undefined ? {} : { name }),
        ...(namespace === undefined ? {} : { namespace }),
        creationTimestamp: now,
        ...(labels === undefined ? {} : { labels }),
      },
      timestamp: timestamp ?? now,
      window,
    };
  }
}

/** Undefined while the agent has no rate yet: upstream leaves such out too. */
function usageOf({ cpu, memory }: Partial<Summary["node"]>): { cpu: string; memory: string } | undefined {
  if (cpu?.usageNanoCores === undefined || memory?.workingSetBytes === undefined) return undefined;
  return {
    cpu: cpu.usageNanoCores === 0 ? "0" : `${Math.round(cpu.usageNanoCores)}n`,
    memory: `${Math.round(memory.workingSetBytes / 1024)}Ki`,
  };
}
