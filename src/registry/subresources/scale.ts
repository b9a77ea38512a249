import {
  errors,
  type FieldError,
  field,
  type GroupVersionKind,
  type KubeObject,
  type ManagedFieldsEntry,
  managersInScale,
  managersOfScaled,
  pathSegmentErrors,
  validateObjectMeta,
} from "../../apimachinery/index.ts";
import { formOfKind } from "../../schema/index.ts";
import type { Stored } from "../../storage/index.ts";
import type { RequestContext } from "../context.ts";
import { DerivedHandler } from "../derived-handler.ts";
import type { NextObject, ResourceHandler, UpdateOptions, Verb } from "../ports.ts";
import type { GenericStore } from "../store.ts";
import { apiVersionOf } from "../store-parts.ts";
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
      throw errors.internalError(
        `the spec replicas field ${JSON.stringify(this.#replicasPath)} does not exist`,
      );
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
      const { metadata } = current.object;
      const managedFields = managersInScale(metadata.managedFields, this.#replicasPath);
      const before = this.#scaleOf(current, managedFields);
      const scale = await next(before);
      if (scale["spec"]?.replicas === unset) {
        throw errors.badRequest(
          `the spec replicas field ${JSON.stringify(this.#replicasPath)} cannot be empty`,
        );
      }
      // Of a custom object nothing but the object itself is looked at, as upstream: one of no namespace has a Scale of none.
      if (this.#scale.replicasPath === undefined) checkScale(scale, name);
      await options.validateUpdate?.(scale, before.object);
      return this.#withReplicas(current.object, scale);
    };
    const uid = options.uid === undefined ? {} : { uid: options.uid };
    const stored = await updateObject(this.#parent, this.strategy, name, scaled, context, uid);
    return Object.assign(this.#scaleOf(stored), { created: false });
  }

  #withReplicas(current: KubeObject, scale: KubeObject): KubeObject {
    const managedFields = managersOfScaled(current.metadata.managedFields, scale.metadata.managedFields, {
      path: this.#replicasPath,
      apiVersion: apiVersionOf(this.#parent.form.kind),
    });
    const metadata = { ...current.metadata, managedFields };
    if (scale.metadata.resourceVersion) metadata.resourceVersion = scale.metadata.resourceVersion;
    return this.#scale.setReplicas({ ...current, metadata }, scale["spec"]?.replicas ?? 0);
  }

  get #replicasPath(): string {
    return this.#scale.replicasPath ?? ".spec.replicas";
  }

  /** Answers do not show who owns the number, which stands in the scaled object; `managedFields`: for who changes it. */
  #scaleOf(stored: Stored, managedFields: readonly ManagedFieldsEntry[] = []): Stored {
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
        ...(managedFields.length === 0 ? {} : { managedFields: [...managedFields] }),
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
