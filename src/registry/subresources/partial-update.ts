import type { GroupVersionKind, GroupVersionResource } from "../../apimachinery/index.ts";
import type { KindForm, ResourceInfo } from "../../schema/index.ts";
import type { Stored } from "../../storage/index.ts";
import type { RequestContext } from "../context.ts";
import type { EquivalentForm, NextObject, ResourceHandler, UpdateOptions, Verb } from "../ports.ts";
import type { GenericStore } from "../store.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";
import { updateObject } from "../update.ts";

/** A subresource that shows the whole object and lets a part of it be changed: status, finalize, resize, ephemeralcontainers. */
export class PartialUpdateStore implements ResourceHandler {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource: string;
  readonly kind: GroupVersionKind;
  readonly form: KindForm;
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  readonly strategy: Strategy;
  readonly rules: UpdateRules;
  readonly #parent: GenericStore;

  constructor(
    parent: GenericStore,
    options: { subresource: string; verbs: readonly Verb[]; rules: UpdateRules },
  ) {
    this.#parent = parent;
    this.resource = parent.resource;
    this.info = parent.info;
    this.subresource = options.subresource;
    this.kind = parent.kind;
    this.form = parent.form;
    this.namespaced = parent.namespaced;
    this.verbs = options.verbs;
    this.strategy = parent.strategy;
    this.rules = options.rules;
  }

  get equivalents(): readonly EquivalentForm[] {
    return this.#parent.equivalents;
  }

  get(name: string, context: RequestContext, options: { resourceVersion?: string } = {}): Promise<Stored> {
    return this.#parent.get(name, context, options);
  }

  update(
    name: string,
    next: NextObject,
    context: RequestContext,
    options: UpdateOptions,
  ): Promise<Stored & { created: boolean }> {
    return updateObject(this.#parent, this.rules, name, next, context, options);
  }
}
