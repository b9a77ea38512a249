import type { GroupVersionResource, KubeObject } from "../apimachinery/index.ts";
import type { KindForm } from "../schema/index.ts";
import type { StorageWatch, Stored, StoredList, WatchOptions, WatchSink } from "../storage/index.ts";
import type { RequestContext } from "./context.ts";
import { DerivedHandler } from "./derived-handler.ts";
import type {
  CreateOptions,
  DeleteOptions,
  DeleteResult,
  EquivalentForm,
  ListQuery,
  NextObject,
  ResourceHandler,
  UpdateOptions,
  Validate,
} from "./ports.ts";
import type { GenericStore } from "./store.ts";
import type { Strategy } from "./strategy.ts";
import type { PartialUpdateStore } from "./subresources/partial-update.ts";
import { transientObject } from "./transient.ts";

/** How a served kind and the kind that is stored are turned into each other, without loss. */
export interface StoredForm {
  readonly resource: GroupVersionResource;
  /** Neither changes its argument. */
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/**
 * What a client sends is taken as it will be stored: what the stored form fills in or has no room for is filled in or gone
 * before anybody is made an owner of it, as upstream, which works on one internal form.
 */
function formAsStored(form: KindForm, inner: KindForm, { toStored, fromStored }: StoredForm): KindForm {
  return {
    ...form,
    applyDefaults: (object) =>
      form.canonicalize(fromStored(inner.applyDefaults(toStored(form.applyDefaults(object))))),
  };
}

/** Stored objects as clients of another form see them; each is converted once, for everybody. */
class Conversion {
  readonly form: KindForm;
  readonly #stored: StoredForm;
  readonly #shown = new WeakMap<Stored, Stored>();

  constructor(form: KindForm, stored: StoredForm) {
    this.form = form;
    this.#stored = stored;
  }

  toStored(object: KubeObject): KubeObject {
    return this.#stored.toStored(object);
  }

  show(stored: Stored): Stored {
    let shown = this.#shown.get(stored);
    if (shown === undefined) {
      shown = this.convert(stored);
      this.#shown.set(stored, shown);
    }
    return shown;
  }

  convert(stored: Stored): Stored {
    return transientObject(stored.key, this.form.canonicalize(this.#stored.fromStored(stored.object)));
  }

  /** Admission sees objects as clients do. */
  validation(validate: Validate | undefined): Validate | undefined {
    if (validate === undefined) return undefined;
    const { fromStored } = this.#stored;
    return (object, old) => validate(fromStored(object), old && fromStored(old));
  }

  async update(
    inner: Pick<Required<ResourceHandler>, "update">,
    name: string,
    next: NextObject,
    context: RequestContext,
    options: UpdateOptions,
  ): Promise<Stored & { created: boolean }> {
    const validateCreate = this.validation(options.validateCreate);
    const validateUpdate = this.validation(options.validateUpdate);
    const stored = await inner.update(
      name,
      async (current) => this.toStored(await next(current && this.show(current))),
      context,
      { ...options, ...(validateCreate && { validateCreate }), ...(validateUpdate && { validateUpdate }) },
    );
    return Object.assign(this.convert(stored), { created: stored.created });
  }
}

function storedEquivalent(form: KindForm, { resource, toStored, fromStored }: StoredForm): EquivalentForm {
  return { resource, form, fromHere: toStored, toHere: fromStored };
}

/** A subresource that shows and changes the whole object, of a resource whose objects are stored in another form. */
export class ConvertingSubresource extends DerivedHandler implements ResourceHandler {
  readonly rules: ResourceHandler["rules"];
  readonly equivalents: readonly EquivalentForm[];
  readonly #inner: Required<Pick<ResourceHandler, "get" | "update">>;
  readonly #conversion: Conversion;

  constructor(inner: PartialUpdateStore, options: { form: KindForm; stored: StoredForm }) {
    super(inner, { form: formAsStored(options.form, inner.form, options.stored) });
    this.equivalents = [storedEquivalent(inner.form, options.stored)];
    this.#inner = inner;
    this.#conversion = new Conversion(options.form, options.stored);
    this.rules = inner.rules;
  }

  async get(
    name: string,
    context: RequestContext,
    options: { resourceVersion?: string } = {},
  ): Promise<Stored> {
    return this.#conversion.show(await this.#inner.get(name, context, options));
  }

  update(
    name: string,
    next: NextObject,
    context: RequestContext,
    options: UpdateOptions,
  ): Promise<Stored & { created: boolean }> {
    return this.#conversion.update(this.#inner, name, next, context, options);
  }
}

/**
 * A resource whose objects are stored in the form of another version or group (events.k8s.io Events are core Events): the generic store
 * works on the stored form, clients see this one. A stored object is converted once, for everybody.
 */
export class ConvertingStore extends DerivedHandler implements ResourceHandler {
  readonly rules: Strategy;
  readonly #inner: GenericStore;
  readonly #conversion: Conversion;
  readonly equivalents: readonly EquivalentForm[];

  constructor(inner: GenericStore, options: { form: KindForm; stored: StoredForm }) {
    const { toStored } = options.stored;
    const { tableRow } = inner.strategy;
    const rowOf = tableRow && ((object: KubeObject, now: number) => tableRow(toStored(object), now));
    super(inner, {
      form: formAsStored(options.form, inner.form, options.stored),
      ...(rowOf === undefined ? {} : { strategy: { ...inner.strategy, tableRow: rowOf } }),
    });
    this.equivalents = [storedEquivalent(inner.form, options.stored)];
    this.#inner = inner;
    this.#conversion = new Conversion(options.form, options.stored);
    this.rules = this.strategy;
  }

  async get(
    name: string,
    context: RequestContext,
    options: { resourceVersion?: string } = {},
  ): Promise<Stored> {
    return this.#conversion.show(await this.#inner.get(name, context, options));
  }

  async list(query: ListQuery, context: RequestContext): Promise<StoredList> {
    return this.#showList(await this.#inner.list(query, context));
  }

  watch(query: { namespace: string; options: WatchOptions }, sink: WatchSink): StorageWatch {
    return this.#inner.watch(query, {
      onEvents: (events) =>
        sink.onEvents(
          events.map((event) =>
            event.type === "BOOKMARK" ? event : { ...event, stored: this.#conversion.show(event.stored) },
          ),
        ),
      onClosed: (error) => sink.onClosed(error),
    });
  }

  async create(object: KubeObject, context: RequestContext, options: CreateOptions): Promise<Stored> {
    const validate = this.#conversion.validation(options.validate);
    return this.#conversion.show(
      await this.#inner.create(
        this.#conversion.toStored(object),
        context,
        validate === undefined ? {} : { validate },
      ),
    );
  }

  update(
    name: string,
    next: NextObject,
    context: RequestContext,
    options: UpdateOptions,
  ): Promise<Stored & { created: boolean }> {
    return this.#conversion.update(this.#inner, name, next, context, options);
  }

  async delete(name: string, context: RequestContext, options: DeleteOptions): Promise<DeleteResult> {
    const validate = this.#conversion.validation(options.validate);
    const result = await this.#inner.delete(name, context, { ...options, ...(validate && { validate }) });
    return { ...result, object: this.#conversion.show(result.object) };
  }

  async deleteCollection(
    query: ListQuery,
    context: RequestContext,
    options: DeleteOptions,
  ): Promise<StoredList> {
    const validate = this.#conversion.validation(options.validate);
    const removed = await this.#inner.deleteCollection(query, context, {
      ...options,
      ...(validate && { validate }),
    });
    return this.#showList(removed);
  }

  #showList(list: StoredList): StoredList {
    return { ...list, items: list.items.map((item) => this.#conversion.show(item)) };
  }
}
