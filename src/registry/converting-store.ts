import type { GroupVersionKind, GroupVersionResource, KubeObject } from "../apimachinery/index.ts";
import type { KindForm, ResourceInfo } from "../schema/index.ts";
import type { StorageWatch, Stored, StoredList, WatchOptions, WatchSink } from "../storage/index.ts";
import type { RequestContext } from "./context.ts";
import type {
  CreateOptions,
  DeleteOptions,
  DeleteResult,
  ListQuery,
  NextObject,
  ResourceHandler,
  UpdateOptions,
  Validate,
  Verb,
} from "./ports.ts";
import type { GenericStore } from "./store.ts";
import type { Strategy } from "./strategy.ts";
import { transientObject } from "./transient.ts";

/** How a served kind and the kind that is stored are turned into each other, without loss. */
export interface StoredForm {
  readonly resource: GroupVersionResource;
  /** Neither changes its argument. */
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/**
 * A resource whose objects are stored in the form of another version or group (events.k8s.io Events are core Events): the generic store
 * works on the stored form, clients see this one. A stored object is converted once, for everybody.
 */
export class ConvertingStore implements ResourceHandler {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource = "";
  readonly kind: GroupVersionKind;
  readonly form: KindForm;
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  readonly strategy: Strategy;
  readonly rules: Strategy;
  readonly #inner: GenericStore;
  readonly #form: StoredForm;
  readonly #shown = new WeakMap<Stored, Stored>();

  constructor(inner: GenericStore, options: { form: KindForm; stored: StoredForm }) {
    this.#inner = inner;
    this.#form = options.stored;
    this.form = options.form;
    this.kind = options.form.kind;
    this.resource = inner.resource;
    this.info = inner.info;
    this.namespaced = inner.namespaced;
    this.verbs = inner.verbs;
    const { tableRow } = inner.strategy;
    const rowOf =
      tableRow && ((object: KubeObject, now: number) => tableRow(this.#form.toStored(object), now));
    this.strategy = rowOf === undefined ? inner.strategy : { ...inner.strategy, tableRow: rowOf };
    this.rules = this.strategy;
  }

  async get(
    name: string,
    context: RequestContext,
    options: { resourceVersion?: string } = {},
  ): Promise<Stored> {
    return this.#show(await this.#inner.get(name, context, options));
  }

  async list(query: ListQuery, context: RequestContext): Promise<StoredList> {
    return this.#showList(await this.#inner.list(query, context));
  }

  watch(query: { namespace: string; options: WatchOptions }, sink: WatchSink): StorageWatch {
    return this.#inner.watch(query, {
      onEvents: (events) =>
        sink.onEvents(
          events.map((event) =>
            event.type === "BOOKMARK" ? event : { ...event, stored: this.#show(event.stored) },
          ),
        ),
      onClosed: (error) => sink.onClosed(error),
    });
  }

  async create(object: KubeObject, context: RequestContext, options: CreateOptions): Promise<Stored> {
    const validate = this.#validation(options.validate);
    return this.#show(
      await this.#inner.create(
        this.#form.toStored(object),
        context,
        validate === undefined ? {} : { validate },
      ),
    );
  }

  async update(
    name: string,
    next: NextObject,
    context: RequestContext,
    options: UpdateOptions,
  ): Promise<Stored & { created: boolean }> {
    const validateCreate = this.#validation(options.validateCreate);
    const validateUpdate = this.#validation(options.validateUpdate);
    const stored = await this.#inner.update(
      name,
      async (current) => this.#form.toStored(await next(current && this.#show(current))),
      context,
      { ...options, ...(validateCreate && { validateCreate }), ...(validateUpdate && { validateUpdate }) },
    );
    return Object.assign(this.#convert(stored), { created: stored.created });
  }

  async delete(name: string, context: RequestContext, options: DeleteOptions): Promise<DeleteResult> {
    const validate = this.#validation(options.validate);
    const result = await this.#inner.delete(name, context, { ...options, ...(validate && { validate }) });
    return { ...result, object: this.#show(result.object) };
  }

  async deleteCollection(
    query: ListQuery,
    context: RequestContext,
    options: DeleteOptions,
  ): Promise<StoredList> {
    const validate = this.#validation(options.validate);
    const removed = await this.#inner.deleteCollection(query, context, {
      ...options,
      ...(validate && { validate }),
    });
    return this.#showList(removed);
  }

  /** Admission sees objects as clients do. */
  #validation(validate: Validate | undefined): Validate | undefined {
    if (validate === undefined) return undefined;
    const { fromStored } = this.#form;
    return (object, old) => validate(fromStored(object), old && fromStored(old));
  }

  #showList(list: StoredList): StoredList {
    return { ...list, items: list.items.map((item) => this.#show(item)) };
  }

  #show(stored: Stored): Stored {
    let shown = this.#shown.get(stored);
    if (shown === undefined) {
      shown = this.#convert(stored);
      this.#shown.set(stored, shown);
    }
    return shown;
  }

  #convert(stored: Stored): Stored {
    return transientObject(stored.key, this.form.canonicalize(this.#form.fromStored(stored.object)));
  }
}
