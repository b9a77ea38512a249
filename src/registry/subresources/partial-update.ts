import type { Stored } from "../../storage/index.ts";
import type { RequestContext } from "../context.ts";
import { DerivedHandler } from "../derived-handler.ts";
import type { EquivalentForm, NextObject, ResourceHandler, UpdateOptions, Verb } from "../ports.ts";
import type { GenericStore } from "../store.ts";
import type { UpdateRules } from "../strategy.ts";
import { updateObject } from "../update.ts";

/** A subresource that shows the whole object and lets a part of it be changed: status, finalize, resize, ephemeralcontainers. */
export class PartialUpdateStore extends DerivedHandler implements ResourceHandler {
  readonly rules: UpdateRules;
  readonly #parent: GenericStore;

  constructor(
    parent: GenericStore,
    options: { subresource: string; verbs: readonly Verb[]; rules: UpdateRules },
  ) {
    super(parent, { subresource: options.subresource, verbs: options.verbs });
    this.#parent = parent;
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
