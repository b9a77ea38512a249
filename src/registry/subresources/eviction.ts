import {
  errors,
  formatTime,
  type GroupVersionResource,
  type KubeObject,
  SelectorError,
  type Status,
  StatusError,
  selectorFromObject,
} from "../../apimachinery/index.ts";
import { formOfKind, type KindForm, type ResourceInfo } from "../../schema/index.ts";
import type { Stored } from "../../storage/index.ts";
import type { RequestContext } from "../context.ts";
import { objectKey } from "../keys.ts";
import { trackFields } from "../managed-fields.ts";
import { stillProcessed, withDisruption } from "../policy/disruptions.ts";
import type { PodDisruptionBudget } from "../policy/pod-disruption-budget.ts";
import type { CreateOptions, DeleteOptions, ResourceHandler, Verb } from "../ports.ts";
import { selectionPredicate } from "../selection.ts";
import type { GenericStore } from "../store.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";
import { updateObject } from "../update.ts";

const success: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };

/** POST pods/NAME/eviction: a deletion that asks the PodDisruptionBudget first. pkg/registry/core/pod/storage eviction.go. */
export class EvictionStore implements ResourceHandler {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource = "eviction";
  readonly form: KindForm = {
    ...formOfKind({ group: "policy", version: "v1", kind: "Eviction" }),
    otherVersions: ["v1beta1"],
  };
  readonly kind = this.form.kind;
  readonly namespaced = true;
  readonly verbs: readonly Verb[] = ["create"];
  readonly strategy: Strategy = { namespaced: true };
  readonly rules: UpdateRules = {};
  readonly #pods: GenericStore;
  readonly #budgets: () => GenericStore | undefined;

  /** `budgets`: the store of PodDisruptionBudgets, once there is one. */
  constructor(pods: GenericStore, budgets: () => GenericStore | undefined) {
    this.#pods = pods;
    this.#budgets = budgets;
    this.resource = pods.resource;
    this.info = pods.info;
  }

  async createNamed(
    name: string,
    eviction: KubeObject,
    context: RequestContext,
    options: CreateOptions,
  ): Promise<Status> {
    if (eviction.metadata.name !== name)
      throw errors.badRequest("name in URL does not match name in Eviction object");
    const pod = await this.#read(name, context);
    await options.validate?.(eviction, undefined);
    const { dryRun } = eviction["deleteOptions"] ?? {};
    const scope = { ...context, dryRun: context.dryRun || (dryRun?.length ?? 0) > 0 };
    const asked = deletionOf(eviction);
    if (needsNoLeave(pod.object)) {
      await this.#remove(name, scope, isOver(pod.object) ? asked : pinned(asked, pod));
      return success;
    }
    const budget = await this.#budgetOf(pod.object);
    if (budget === undefined) {
      await this.#remove(name, scope, asked);
      return success;
    }
    if (!isReady(pod.object) && mayGoUnready(budget)) {
      // Should it become ready in between, it counts, and must ask.
      await this.#remove(name, scope, pinned(asked, pod)).catch((error: unknown) => {
        const isConflict = error instanceof StatusError && error.status.reason === "Conflict";
        throw isConflict && asked.preconditions?.resourceVersion === undefined
          ? stillProcessed(budget.metadata.name ?? "")
          : error;
      });
      return success;
    }
    await this.#takeLeave(budget, name, scope);
    await this.#remove(name, scope, asked);
    return success;
  }

  async #read(name: string, context: RequestContext): Promise<Stored> {
    const pod = await this.#pods.read(objectKey(this.#pods, context.namespace, name));
    if (pod === undefined) throw errors.notFound(this.#pods.resource, name);
    return pod;
  }

  /** @throws StatusError 500 where several budgets cover the pod */
  async #budgetOf(pod: KubeObject): Promise<PodDisruptionBudget | undefined> {
    const store = this.#budgets();
    if (store === undefined) return undefined;
    const { items } = await store.list(
      {
        namespace: pod.metadata.namespace ?? "",
        predicate: selectionPredicate(store.strategy, { labelSelector: "", fieldSelector: "" }),
        resourceVersion: "",
        resourceVersionMatch: "",
        limit: 0,
        continue: "",
      },
      {} as RequestContext,
    );
    const covering = items
      .map(({ object }) => object as PodDisruptionBudget)
      .filter((budget) => covers(budget, pod));
    if (covering.length > 1)
      throw errors.plainError(
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
      );
    return covering[0];
  }

  /** Counts the disruption in the budget before the pod goes: whoever asks next sees it. */
  async #takeLeave(budget: PodDisruptionBudget, pod: string, context: RequestContext): Promise<void> {
    const store = this.#budgets() as GenericStore;
    const rules = store.strategy.status ?? {};
    // Upstream's server sends this itself, as its own client.
    const owner = { ...context, fieldManager: "kube-apiserver" };
    const next = (current: Stored | undefined): KubeObject => {
      const live = current?.object as PodDisruptionBudget;
      const counted = withDisruption(live, pod, context.now);
      return trackFields(live, counted, { form: store.form, subresource: "status", rules, context: owner });
    };
    await updateObject(store, rules, budget.metadata.name ?? "", next, context, {});
  }

  /** Tells the pod why it goes, then deletes it. */
  async #remove(name: string, context: RequestContext, asked: DeleteOptions): Promise<void> {
    let options = asked;
    if (!context.dryRun) {
      const { uid, resourceVersion } = asked.preconditions ?? {};
      const marked = await updateObject(
        this.#pods,
        {},
        name,
        (current) => {
          if (current === undefined) throw errors.notFound(this.#pods.resource, name);
          const { object } = current;
          checkPrecondition("UID", uid, object.metadata.uid, name);
          checkPrecondition("ResourceVersion", resourceVersion, current.resourceVersion, name);
          return withCondition(object, context.now);
        },
        context,
        {},
      );
      if (resourceVersion !== undefined)
        options = {
          ...asked,
          preconditions: { ...asked.preconditions, resourceVersion: marked.resourceVersion },
        };
    }
    await this.#pods.delete(name, context, options);
  }
}

function deletionOf(eviction: KubeObject): DeleteOptions {
  const { gracePeriodSeconds, preconditions, propagationPolicy } = eviction["deleteOptions"] ?? {};
  return {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
  };
}

/** Only as it was seen, unless the client has said as what. */
function pinned(asked: DeleteOptions, { resourceVersion }: Stored): DeleteOptions {
  if (asked.preconditions?.resourceVersion !== undefined) return asked;
  return { ...asked, preconditions: { ...asked.preconditions, resourceVersion } };
}

function isOver({ metadata, status }: KubeObject): boolean {
  const phase = status?.phase;
  return metadata.deletionTimestamp !== undefined || phase === "Succeeded" || phase === "Failed";
}

/** Nothing is disrupted by taking away what does not run. */
function needsNoLeave(pod: KubeObject): boolean {
  return isOver(pod) || pod.status?.phase === "Pending";
}

interface Condition {
  readonly type?: string;
  readonly status?: string;
}

function isReady({ status }: KubeObject): boolean {
  const conditions = (status?.conditions ?? []) as readonly Condition[];
  return conditions.some((condition) => condition.type === "Ready" && condition.status === "True");
}

/** A pod that is not ready does not count; it may go where the others are enough, or where the budget says so. */
function mayGoUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

function covers({ spec }: PodDisruptionBudget, pod: KubeObject): boolean {
  try {
    // No selector is nobody; an empty one is everybody.
    return spec?.selector ? selectorFromObject(spec.selector).matches(pod.metadata.labels) : false;
  } catch (error) {
    if (error instanceof SelectorError) return false;
    throw error;
  }
}

function checkPrecondition(
  what: string,
  wanted: string | undefined,
  found: string | undefined,
  name: string,
): void {
  if (!wanted || wanted === found) return;
  const hint =
    what === "UID"
      ? "The object might have been deleted and then recreated"
      : "The object might have been modified";
  const text = `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). ${hint}`;
  throw errors.conflict({ group: "", resource: "Pod" }, name, text);
}

function withCondition(pod: KubeObject, now: number): KubeObject {
  const type = "DisruptionTarget";
  const present = (pod.status?.conditions ?? []) as readonly Condition[];
  const condition = {
    type,
    status: "True",
    lastProbeTime: null,
    lastTransitionTime: formatTime(now),
    reason: "EvictionByEvictionAPI",
    message: "Eviction API: evicting",
  };
  const conditions = [...present.filter((each) => each.type !== type), condition];
  return { ...pod, metadata: { ...pod.metadata }, status: { ...pod.status, conditions } };
}
