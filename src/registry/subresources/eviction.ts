import { errors, type GroupVersionResource, type KubeObject, type Status } from "../../apimachinery/index.ts";
import { formOfKind, type ResourceInfo } from "../../schema/index.ts";
import type { RequestContext } from "../context.ts";
import { objectKey } from "../keys.ts";
import type { CreateOptions, ResourceHandler, Verb } from "../ports.ts";
import type { GenericStore } from "../store.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";

/** POST pods/NAME/eviction: a deletion that asks first. Nothing is asked as long as no PodDisruptionBudgets are served. */
export class EvictionStore implements ResourceHandler {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource = "eviction";
  readonly form = formOfKind({ group: "policy", version: "v1", kind: "Eviction" });
  readonly kind = this.form.kind;
  readonly namespaced = true;
  readonly verbs: readonly Verb[] = ["create"];
  readonly strategy: Strategy = { namespaced: true };
  readonly rules: UpdateRules = {};
  readonly #pods: GenericStore;

  constructor(pods: GenericStore) {
    this.#pods = pods;
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
    if ((await this.#pods.read(objectKey(this.#pods, context.namespace, name))) === undefined) {
      throw errors.notFound(this.#pods.resource, name);
    }
    await options.validate?.(eviction, undefined);
    const { gracePeriodSeconds, preconditions, propagationPolicy, dryRun } = eviction["deleteOptions"] ?? {};
    await this.#pods.delete(
      name,
      { ...context, dryRun: context.dryRun || (dryRun?.length ?? 0) > 0 },
      {
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
        ...(preconditions === undefined ? {} : { preconditions }),
        ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      },
    );
    return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  }
}
