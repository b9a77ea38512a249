import type { GroupResource, GroupVersionResource, KubeObject } from "../apimachinery/index.ts";
import { assert } from "../base/index.ts";
import { formOfKind, type ResourceInfo, resourceInfo, type SubresourceInfo } from "../schema/index.ts";
import type { Storage } from "../storage/index.ts";
import { type CustomHost, CustomResources } from "./apiextensions/custom-resources.ts";
import { type CustomResourceDefinition, definitionsResource } from "./apiextensions/types.ts";
import { ConvertingStore, ConvertingSubresource, type StoredForm } from "./converting-store.ts";
import { ComponentStatusStore } from "./core/component-status.ts";
import type { EquivalentForm, Registry, RegistryOptions, ResourceHandler, Verb } from "./ports.ts";
import { ReviewStore } from "./reviews/review-store.ts";
import { servedVersions } from "./served.ts";
import { GenericStore } from "./store.ts";
import type { StrategyDeps, StrategySource } from "./strategies.ts";
import type { Strategy } from "./strategy.ts";
import { BindingStore } from "./subresources/binding.ts";
import { ConnectSubresource, isConnecting } from "./subresources/connect.ts";
import { EvictionStore } from "./subresources/eviction.ts";
import { PartialUpdateStore } from "./subresources/partial-update.ts";
import { ScaleStore } from "./subresources/scale.ts";
import { TokenStore } from "./subresources/token.ts";

/** Every served resource with its subresources, over the stores that `options.storageFor` makes. */
export function createRegistry(options: RegistryOptions): Registry {
  return new ResourceRegistry(options);
}

interface OpenStore {
  readonly storage: Storage;
  readonly keyPrefix: string;
  /** Of a resource that is part of this server, not of a CRD. */
  readonly builtIn: boolean;
}

class ResourceRegistry implements Registry {
  readonly #options: RegistryOptions;
  readonly #handlers = new Map<string, ResourceHandler>();
  /** By what objects are stored as the other kinds that they are served as. */
  readonly #shownAs = new Map<string, EquivalentForm[]>();
  readonly #stores = new Map<string, OpenStore>();
  readonly #deps: StrategyDeps;
  readonly #custom: CustomResources;
  #customHandlers: ReadonlyMap<string, ResourceHandler> = new Map();
  readonly #listeners = new Set<() => void>();
  generation = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#deps = {
      clock: options.clock,
      random: options.random,
      flags: options.flags,
      access: options.access,
      storageOf: (resource) => this.#storageOf(resource),
      ownStorage: (name) => this.#ownStorage(name),
    };
    for (const { group, version, resources, reviews = {}, storedAs = {} } of servedVersions) {
      for (const [resource, source] of Object.entries(resources)) {
        this.#install({ group, version, resource }, source, storedAs[resource]);
      }
      for (const [resource, review] of Object.entries(reviews)) {
        const info = resourceInfo({ group, version, resource });
        assert(info !== undefined, `no schema for ${group}/${version}/${resource}`);
        this.#add(new ReviewStore(info, review(this.#deps)));
      }
    }
    const pods = this.#handlers.get(handlerKey({ group: "", version: "v1", resource: "pods" }));
    if (pods instanceof GenericStore) this.#add(new BindingStore(pods, ""));
    this.#add(new ComponentStatusStore(options.components));
    this.#custom = new CustomResources(this.#customHost());
  }

  get ready(): Promise<void> {
    return this.#custom.ready;
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  get resources(): readonly ResourceHandler[] {
    return [...this.#handlers.values(), ...this.#customHandlers.values()];
  }

  resource(resource: GroupVersionResource): ResourceHandler | undefined {
    const key = handlerKey(resource);
    return this.#handlers.get(key) ?? this.#customHandlers.get(key);
  }

  #customHost(): CustomHost {
    const { clock, random, conversionWebhook, onTrouble = () => {} } = this.#options;
    const definitions = this.#handlers.get(handlerKey(definitionsResource));
    const status = this.resource({ ...definitionsResource, resource: "customresourcedefinitions/status" });
    assert(definitions instanceof GenericStore && status !== undefined, "CRDs are served");
    return {
      clock,
      definitions,
      definitionStatus: status,
      onTrouble,
      isBuiltIn: (group, resource) => this.#stores.get(storeKey({ group, resource }))?.builtIn === true,
      // Most servers have no CRDs: what serves them is read when the first one comes.
      open: async (definition, terminating) => {
        const { openKind } = await import("./apiextensions/open-kind.ts");
        return openKind({
          definition,
          terminating,
          random,
          conversionWebhook,
          ...this.#openCustom(definition),
        });
      },
      changed: () => {
        this.#customHandlers = new Map(
          this.#custom.handlers.map((handler) => [keyOfHandler(handler), handler]),
        );
        this.generation++;
        for (const listener of this.#listeners) listener();
      },
      closeStorage: ({ spec }) => {
        const key = storeKey({ group: spec.group, resource: spec.names.plural });
        const opened = this.#stores.get(key);
        this.#stores.delete(key);
        void opened?.storage.close();
      },
    };
  }

  /** One store for all versions of a custom kind, kept when the CRD changes. */
  #openCustom({ spec }: CustomResourceDefinition): OpenStore {
    const { group, names, scope } = spec;
    const key = storeKey({ group, resource: names.plural });
    const present = this.#stores.get(key);
    if (present !== undefined) return present;
    const keyPrefix = `${this.#options.flags.etcdPrefix}/${group}/${names.plural}/`;
    const storage = this.#options.storageFor({
      group,
      resource: names.plural,
      kind: names.kind,
      version: spec.versions.find((version) => version.storage)?.name ?? "",
      namespaced: scope === "Namespaced",
      keyPrefix,
      indexes: {},
    });
    const opened = { storage, keyPrefix, builtIn: false };
    this.#stores.set(key, opened);
    return opened;
  }

  async close(): Promise<void> {
    this.#custom.close();
    await Promise.all([...this.#stores.values()].map(({ storage }) => storage.close()));
  }

  #add(handler: ResourceHandler): void {
    this.#handlers.set(keyOfHandler(handler), handler);
  }

  #install(resource: GroupVersionResource, source: StrategySource, form: StoredForm | undefined): void {
    const info = resourceInfo(resource);
    assert(info !== undefined, `no schema for ${handlerKey(resource)}`);
    const strategy = typeof source === "function" ? source(this.#deps) : source;
    const stored = form === undefined ? info : resourceInfo(form.resource);
    assert(stored !== undefined, `no schema for what ${handlerKey(resource)} is stored as`);
    const { storage, keyPrefix } = this.#open(stored, strategy);
    const shownAs = this.#shownAs.get(handlerKey(resource)) ?? [];
    this.#shownAs.set(handlerKey(resource), shownAs);
    const store = new GenericStore({
      info,
      form: formOfKind(stored),
      strategy,
      storage,
      keyPrefix,
      random: this.#options.random,
      equivalents: () => shownAs,
    });
    if (form !== undefined) {
      const others = this.#shownAs.get(handlerKey(form.resource)) ?? [];
      this.#shownAs.set(handlerKey(form.resource), others);
      const { fromStored: fromHere, toStored: toHere } = form;
      others.push({ resource, form: formOfKind(info), fromHere, toHere });
    }
    this.#add(
      form === undefined ? store : new ConvertingStore(store, { form: formOfKind(info), stored: form }),
    );
    for (const subresource of info.subresources) {
      const handler = this.#subresourceHandler(store, subresource);
      if (handler === undefined) continue;
      if (form !== undefined && handler instanceof PartialUpdateStore)
        this.#add(new ConvertingSubresource(handler, { form: formOfKind(info), stored: form }));
      else this.#add(handler);
    }
  }

  /** Undefined where this server does not serve it. */
  #subresourceHandler(store: GenericStore, info: SubresourceInfo): ResourceHandler | undefined {
    const { strategy } = store;
    const verbs = info.verbs as readonly Verb[];
    switch (info.name) {
      case "status":
        if (strategy.status === undefined) return undefined;
        return new PartialUpdateStore(store, { subresource: "status", verbs, rules: strategy.status });
      case "scale":
        return strategy.scale === undefined
          ? undefined
          : new ScaleStore(store, { scale: strategy.scale, verbs });
      case "binding":
        return new BindingStore(store, "binding");
      case "eviction":
        return new EvictionStore(store, () => {
          const budgets = this.resource(podDisruptionBudgets);
          return budgets instanceof GenericStore ? budgets : undefined;
        });
      case "token":
        return new TokenStore(store, {
          access: this.#options.access,
          storeOf: (resource) => {
            const other = this.resource({ group: "", version: "v1", resource });
            return other instanceof GenericStore ? other : undefined;
          },
        });
      default: {
        if (isConnecting(store.resource.group, info.name)) return new ConnectSubresource(store, info);
        const rules = strategy.subresources?.[info.name];
        return rules === undefined
          ? undefined
          : new PartialUpdateStore(store, { subresource: info.name, verbs, rules });
      }
    }
  }

  #open(info: ResourceInfo, strategy: Strategy): OpenStore {
    const present = this.#stores.get(storeKey(info));
    if (present !== undefined) return present;
    const keyPrefix = `${this.#options.flags.etcdPrefix}/${info.storageName}/`;
    const indexes: Record<string, (object: KubeObject) => string> = {};
    for (const field of strategy.indexedFields ?? []) {
      const read = strategy.selectableFields?.[field];
      if (read !== undefined) indexes[field] = read;
    }
    const storage = this.#options.storageFor({
      group: info.group,
      resource: info.resource,
      kind: info.kind,
      version: info.version,
      namespaced: info.namespaced,
      keyPrefix,
      indexes,
    });
    const opened = { storage, keyPrefix, builtIn: true };
    this.#stores.set(storeKey(info), opened);
    return opened;
  }

  #ownStorage(name: string): OpenStore {
    const present = this.#stores.get(name);
    if (present !== undefined) return present;
    const keyPrefix = `${this.#options.flags.etcdPrefix}/${name}/`;
    const storage = this.#options.storageFor({
      group: "",
      resource: name,
      kind: "",
      version: "v1",
      namespaced: false,
      keyPrefix,
      indexes: {},
    });
    const opened = { storage, keyPrefix, builtIn: true };
    this.#stores.set(name, opened);
    return opened;
  }

  #storageOf(resource: GroupResource): OpenStore {
    const opened = this.#stores.get(storeKey(resource));
    assert(opened !== undefined, `no store is open for ${storeKey(resource)}`);
    return opened;
  }
}

const podDisruptionBudgets = { group: "policy", version: "v1", resource: "poddisruptionbudgets" };
/** `apps/v1/deployments/scale` */
function keyOfHandler({ resource, subresource }: ResourceHandler): string {
  const path = subresource === "" ? resource.resource : `${resource.resource}/${subresource}`;
  return handlerKey({ ...resource, resource: path });
}
const handlerKey = (at: GroupVersionResource): string => `${at.group}/${at.version}/${at.resource}`;
const storeKey = (at: GroupResource): string => `${at.group}/${at.resource}`;
