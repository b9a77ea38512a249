import {
  errors,
  type FieldError,
  field,
  type GroupVersionKind,
  type KubeObject,
  pathSegmentErrors,
  validateObjectMeta,
} from "../../apimachinery/index.ts";
import { formOfKind } from "../../schema/index.ts";
import type { Stored } from "../../storage/index.ts";
import type { RequestContext } from "../context.ts";
import { DerivedHandler } from "../derived-handler.ts";
import { trackFields } from "../managed-fields.ts";
import type { NextObject, ResourceHandler, UpdateOptions, Verb } from "../ports.ts";
import type { GenericStore } from "../store.ts";
import type { ScaleRules, UpdateRules } from "../strategy.ts";
import { transientObject } from "../transient.ts";
import { updateObject } from "../update.ts";

/** Stands for a number that was never set while a Scale is changed, as upstream has it: the smallest of 32 bits. */
const unset = -2_147_483_648;

const scaleKind: GroupVersionKind = { group: "autoscaling", version: "v1", kind: "Scale" };

/**
 * `/scale`: an object of its own kind (autoscaling/v1 Scale) that shows and sets nothing but the number of replicas. Its
 * metadata, resourceVersion included, is the scaled object's, so that optimistic locking works on either.
 */
export class ScaleStore extends DerivedHandler implements ResourceHandler {
  readonly rules: UpdateRules = {};
  readonly #parent: GenericStore;
  readonly #scale: ScaleRules;

  constructor(parent: GenericStore, options: { scale: ScaleRules; verbs: readonly Verb[] }) {
    super(parent, { subresource: "scale", form: formOfKind(scaleKind), verbs: options.verbs });
    this.#parent = parent;
    this.#scale = options.scale;
  }

  async get(
    name: string,
    context: RequestContext,
    options: { resourceVersion?: string } = {},
  ): Promise<Stored> {
    const stored = await this.#parent.get(name, context, options);
    if (this.#scale.replicas(stored.object) === undefined) {
      throw errors.internalError(`the spec replicas field ${this.#replicasPath} does not exist`);
    }
    return this.#scaleOf(stored);
  }

  async update(
    name: string,
    next: NextObject,
    context: RequestContext,
    options: UpdateOptions,
  ): Promise<Stored & { created: boolean }> {
    const scaled: NextObject = async (current) => {
      if (current === undefined) throw errors.notFound(this.resource, name);
      const before = this.#scaleOf(current);
      const scale = await next(before);
      if (scale["spec"]?.replicas === unset) {
        throw errors.badRequest(`the spec replicas field ${this.#replicasPath} cannot be empty`);
      }
      checkScale(scale, name);
      await options.validateUpdate?.(scale, before.object);
      return this.#withReplicas(current.object, scale, context);
    };
    const uid = options.uid === undefined ? {} : { uid: options.uid };
    const stored = await updateObject(this.#parent, this.strategy, name, scaled, context, uid);
    return Object.assign(this.#scaleOf(stored), { created: false });
  }

  #withReplicas(current: KubeObject, scale: KubeObject, context: RequestContext): KubeObject {
    const metadata = { ...current.metadata };
    if (scale.metadata.resourceVersion) metadata.resourceVersion = scale.metadata.resourceVersion;
    const next = this.#scale.setReplicas({ ...current, metadata }, scale["spec"]?.replicas ?? 0);
    // Upstream keeps track in the Scale, which shows only who set the number; what nobody is on record for stays so.
    if (!isTracked(current, this.#scale.replicasPath ?? ".spec.replicas")) return next;
    trackFields(current, next, {
      form: this.#parent.form,
      subresource: this.subresource,
      rules: this.strategy,
      context,
    });
    // Upstream hands ownership through the Scale, where it loses its time.
    for (const entry of next.metadata.managedFields ?? []) {
      if (entry.subresource === this.subresource) delete entry.time;
    }
    return next;
  }

  get #replicasPath(): string {
    return JSON.stringify(this.#scale.replicasPath ?? ".spec.replicas");
  }

  #scaleOf(stored: Stored): Stored {
    const { object } = stored;
    const { name, namespace, uid, creationTimestamp } = object.metadata;
    const replicas = this.#scale.replicas(object) ?? unset;
    const selector = this.#scale.selector(object);
    return transientObject(stored.key, {
      kind: scaleKind.kind,
      apiVersion: "autoscaling/v1",
      metadata: {
        ...(name === undefined ? {} : { name }),
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        resourceVersion: stored.resourceVersion,
        ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      },
      spec: replicas === 0 ? {} : { replicas },
      status: {
        replicas: this.#scale.statusReplicas(object),
        ...(selector === "" ? {} : { selector }),
      },
    });
  }
}

function checkScale(scale: KubeObject, name: string): void {
  const problems: FieldError[] = validateObjectMeta(scale.metadata, {
    namespaced: true,
    validateName: (text) => pathSegmentErrors(text),
  });
  const replicas = scale["spec"]?.replicas ?? 0;
  if (replicas < 0)
    problems.push(field.invalid("spec.replicas", replicas, "must be greater than or equal to 0"));
  if (problems.length > 0) throw errors.invalid(scaleKind, name, problems);
}

/** Whether anybody is on record for a field, such as `.spec.replicas`. */
function isTracked({ metadata }: KubeObject, path: string): boolean {
  const names = path.split(".").slice(1);
  return (metadata.managedFields ?? []).some(({ fieldsV1 }) => {
    let set: unknown = fieldsV1;
    for (const name of names) set = (set as Record<string, unknown> | undefined)?.[`f:${name}`];
    return set !== undefined;
  });
}
