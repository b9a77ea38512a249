import {
  errors,
  type FieldError,
  field,
  formatTime,
  type GroupVersionResource,
  type KubeObject,
  type Status,
  type StatusError,
} from "../../apimachinery/index.ts";
import { formOfKind, type ResourceInfo, resourceInfo } from "../../schema/index.ts";
import type { Stored } from "../../storage/index.ts";
import type { RequestContext } from "../context.ts";
import { statusOf } from "../failures.ts";
import { objectKey } from "../keys.ts";
import type { CreateOptions, ResourceHandler, Verb } from "../ports.ts";
import { checkPreconditions } from "../preconditions.ts";
import type { GenericStore } from "../store.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";

const bindings: GroupVersionResource = { group: "", version: "v1", resource: "bindings" };
const bindingsResource = { group: "", resource: "pods/binding" };

/** POST pods/NAME/binding: puts a pod on a node, once. What the scheduler does. */
export class BindingStore implements ResourceHandler {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource: string;
  readonly form = formOfKind({ group: "", version: "v1", kind: "Binding" });
  readonly kind = this.form.kind;
  readonly namespaced = true;
  readonly verbs: readonly Verb[] = ["create"];
  readonly strategy: Strategy = { namespaced: true };
  readonly rules: UpdateRules = {};
  /** Only the subresource, as upstream. */
  readonly keepsSystemFields: boolean;
  readonly #pods: GenericStore;

  /** `subresource` "": the collection `bindings`, where the pod is named by the body. */
  constructor(pods: GenericStore, subresource: "binding" | "") {
    this.#pods = pods;
    this.subresource = subresource;
    this.keepsSystemFields = subresource !== "";
    this.resource = subresource === "" ? bindings : pods.resource;
    this.info = (subresource === "" ? resourceInfo(bindings) : undefined) ?? pods.info;
  }

  async createNamed(
    name: string,
    binding: KubeObject,
    context: RequestContext,
    options: CreateOptions,
  ): Promise<Status> {
    if ((binding.metadata.name ?? "") !== name) {
      throw errors.badRequest(`name in URL does not match name in Binding object`);
    }
    const problems = bindingProblems(binding);
    // Upstream hands the list of errors out as it is, and a plain error is a 500 without a reason.
    if (problems.length > 0)
      throw errors.plainError(field.aggregateMessages(problems.map(field.fieldErrorText)));
    await options.validate?.(binding, undefined);
    const key = objectKey(this.#pods, context.namespace, name);
    const assign = (current: Stored | undefined): KubeObject => {
      if (current === undefined) throw errors.notFound(this.#pods.resource, name);
      checkPreconditions(this.#pods, { key, name, current }, binding.metadata);
      return this.#pods.form.canonicalize(assigned(current.object, binding, context));
    };
    try {
      if (context.dryRun) assign(await this.#pods.read(key));
      else await this.#pods.storage.guaranteedUpdate(key, assign);
    } catch (error) {
      throw statusOf(error, { resource: this.#pods.resource, verb: "update", name });
    }
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  }
}

function bindingProblems(binding: KubeObject): FieldError[] {
  const target = binding["target"] ?? {};
  const problems: FieldError[] = [];
  if (target.kind !== undefined && target.kind !== "" && target.kind !== "Node") {
    problems.push({
      type: "FieldValueNotSupported",
      field: "target.kind",
      badValue: target.kind,
      detail: 'supported values: "Node", "<empty>"',
    });
  }
  if (!target.name) problems.push(field.required("target.name", ""));
  return problems;
}

function assigned(pod: KubeObject, binding: KubeObject, context: RequestContext): KubeObject {
  const name = pod.metadata.name ?? "";
  const refuse = (message: string): StatusError => errors.conflict(bindingsResource, name, message);
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  }
  const present = pod["spec"].nodeName;
  if (present) throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(present)}`);
  if ((pod["spec"].schedulingGates?.length ?? 0) > 0)
    throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations };
  const labels = { ...pod.metadata.labels, ...binding.metadata.labels };
  // Where it was hoped that the pod would go is nobody's concern any more.
  const { nominatedNodeName: _, ...status } = pod["status"] ?? {};
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    },
    spec: { ...pod["spec"], nodeName: binding["target"].name },
    status: { ...status, conditions: withScheduled(status.conditions ?? [], context.now) },
  };
}

interface Condition {
  readonly type: string;
  readonly status: string;
}

function withScheduled(conditions: readonly Condition[], now: number): Condition[] {
  const present = conditions.find((condition) => condition.type === "PodScheduled");
  if (present?.status === "True") return [...conditions];
  const scheduled = {
    type: "PodScheduled",
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: formatTime(now),
  };
  if (present === undefined) return [...conditions, scheduled];
  return conditions.map((condition) => (condition === present ? scheduled : condition));
}
