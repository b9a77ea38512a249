import { deepEqual, formatTime } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { StorageWatch, WatchSink } from "../../storage/index.ts";
import type { RequestContext } from "../context.ts";
import { trackFields } from "../managed-fields.ts";
import type { ResourceHandler } from "../ports.ts";
import type { GenericStore } from "../store.ts";
import { approvalCondition, establishedCondition, structureCondition } from "./conditions.ts";
import { decideNames } from "./naming.ts";
import type { ServedKind } from "./serving.ts";
import {
  type CustomResourceDefinition,
  cleanupFinalizer,
  condition,
  type DefinitionCondition,
  type DefinitionStatus,
  isTrue,
  pendingDeletion,
  withCondition,
} from "./types.ts";

/** What the registry does for the kinds that CRDs define. */
export interface CustomHost {
  readonly clock: Clock;
  /** The resource customresourcedefinitions, and its status. */
  readonly definitions: GenericStore;
  readonly definitionStatus: ResourceHandler;
  /** Whether a resource of this server has the name already. */
  isBuiltIn(group: string, resource: string): boolean;
  /** Everything that a CRD makes the server serve, not yet served. `terminating`: asked with every create. */
  open(definition: CustomResourceDefinition, terminating: () => boolean): Promise<ServedKind>;
  /** The served kinds are others now. */
  changed(): void;
  /** Told of what fails and is tried again. */
  onTrouble(message: string, error: unknown): void;
  /** The objects' store is no longer needed. */
  closeStorage(definition: CustomResourceDefinition): void;
}

/** After something failed, or the watch ended. Milliseconds. */
const retryMs = 500;

interface Entry {
  definition: CustomResourceDefinition;
  served: ServedKind | undefined;
  /** Watches the objects while the CRD waits for them to go. */
  leaving: StorageWatch | undefined;
}

/**
 * Follows the CRDs: serves what they define, gives them their names and conditions, and lets them go once their objects are gone. Every member
 * of a cluster does all of it by itself, from the same watch; what one of them has written is nothing to do for the others.
 *
 *     created → names decided: NamesAccepted, served → Established → (deleted) Terminating, objects deleted → gone
 */
export class CustomResources {
  /** The CRDs that there are have been seen, and what they define is served. */
  readonly ready: Promise<void>;
  readonly #host: CustomHost;
  readonly #entries = new Map<string, Entry>();
  readonly #due = new Set<string>();
  #working: Promise<void> | undefined;
  /** Events are taken in one after the other. */
  #intake: Promise<void> = Promise.resolve();
  #watch: StorageWatch | undefined;
  #seenFirst: () => void = () => {};
  #closed = false;

  constructor(host: CustomHost) {
    this.#host = host;
    this.ready = new Promise((resolve) => {
      this.#seenFirst = resolve;
    });
    this.#follow();
  }

  get handlers(): readonly ResourceHandler[] {
    return [...this.#entries.keys()]
      .sort()
      .flatMap((name) => this.#entries.get(name)?.served?.handlers ?? []);
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    for (const { leaving } of this.#entries.values()) leaving?.close();
    this.#seenFirst();
  }

  #follow(): void {
    if (this.#closed) return;
    // Names that a list after a gap does not bring any more are gone.
    let initial: Set<string> | undefined = new Set();
    const sink: WatchSink = {
      onEvents: (events) => {
        this.#intake = this.#intake.then(async () => {
          for (const event of events) {
            if (event.type === "BOOKMARK") {
              if (!event.initialEventsEnd || initial === undefined) continue;
              for (const name of this.#entries.keys()) if (!initial.has(name)) this.#remove(name);
              initial = undefined;
              this.#seenFirst();
              continue;
            }
            const definition = event.stored.object as CustomResourceDefinition;
            const name = definition.metadata.name ?? "";
            initial?.add(name);
            if (event.type === "DELETED") this.#remove(name);
            else await this.#takeOrTell(name, definition);
          }
        });
        return true;
      },
      onClosed: () => {
        this.#host.clock.after(retryMs, () => this.#follow(), { background: true });
      },
    };
    this.#watch = this.#host.definitions.storage.watch(
      this.#host.definitions.keyPrefix,
      {
        predicate: { matches: () => true, empty: true },
        resourceVersion: "",
        allowBookmarks: true,
        sendInitialEvents: true,
      },
      sink,
    );
  }

  /** What somebody else wrote into the store need not be a CRD that can be served; the others are served all the same. */
  async #takeOrTell(name: string, definition: CustomResourceDefinition): Promise<void> {
    try {
      await this.#take(name, definition);
    } catch (error) {
      this.#host.onTrouble(`the CustomResourceDefinition ${name} cannot be served`, error);
    }
  }

  async #take(name: string, definition: CustomResourceDefinition): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.definition.metadata.uid !== definition.metadata.uid) {
      if (entry !== undefined) this.#remove(name);
      this.#entries.set(name, { definition, served: undefined, leaving: undefined });
      await this.#serve(name, undefined);
    } else {
      const before = entry.definition;
      entry.definition = definition;
      await this.#serve(name, before);
    }
    this.#enqueue(name);
  }

  #remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    entry.leaving?.close();
    if (entry.served !== undefined) {
      entry.served.retire();
      this.#host.closeStorage(entry.definition);
      this.#host.changed();
    }
    this.#enqueueGroup(entry.definition);
  }

  /** Whoever waited for a name that is free now looks again. */
  #enqueueGroup({ spec, metadata }: CustomResourceDefinition): void {
    for (const [name, { definition }] of this.#entries) {
      if (definition.spec.group === spec.group && name !== metadata.name) this.#enqueue(name);
    }
  }

  async #serve(name: string, before: CustomResourceDefinition | undefined): Promise<void> {
    const entry = this.#entries.get(name) as Entry;
    const { definition, served } = entry;
    const wanted =
      (isTrue(definition, "NamesAccepted") || isTrue(definition, "Established")) &&
      !this.#host.isBuiltIn(definition.spec.group, definition.spec.names.plural);
    const isSame =
      before !== undefined &&
      deepEqual(before.spec, definition.spec) &&
      deepEqual(before.status?.acceptedNames, definition.status?.acceptedNames);
    if (wanted === (served !== undefined) && (isSame || !wanted)) {
      // Discovery names fewer verbs of what is on its way out.
      if (before !== undefined && isTrue(before, "Terminating") !== isTrue(definition, "Terminating"))
        this.#host.changed();
      return;
    }
    served?.retire();
    entry.served = wanted
      ? await this.#host.open(definition, () => isTrue(entry.definition, "Terminating"))
      : undefined;
    this.#host.changed();
  }

  #enqueue(name: string): void {
    if (this.#closed) return;
    this.#due.add(name);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      const [next] = this.#due;
      if (next !== undefined) this.#enqueue(next);
    });
  }

  async #work(): Promise<void> {
    for (;;) {
      const [name] = this.#due;
      if (name === undefined || this.#closed) return;
      this.#due.delete(name);
      try {
        await this.#settle(name);
      } catch (error) {
        // Another member was faster, or the store cannot write now: the next event or this look again.
        this.#host.onTrouble(`the CustomResourceDefinition ${name} has to wait`, error);
        this.#host.clock.after(retryMs, () => this.#entries.has(name) && this.#enqueue(name), {
          background: true,
        });
      }
    }
  }

  /** One step of a CRD towards where it has to be; each step brings an event, and with it the next. */
  async #settle(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    const { definition } = entry;
    const { metadata } = definition;
    if (metadata.deletionTimestamp !== undefined) {
      if (metadata.finalizers?.includes(cleanupFinalizer) === true) await this.#cleanUp(entry);
      return;
    }
    const now = formatTime(this.#host.clock.now());
    const all = (): CustomResourceDefinition[] =>
      [...this.#entries.values()].map((other) => other.definition);
    const names = decideNames(definition, all(), now);
    if (names !== undefined) {
      await this.#update(name, (current) => decideNames(current, [...others(all(), current), current], now));
      this.#enqueueGroup(definition);
      return;
    }
    const conditions = (current: CustomResourceDefinition): Partial<DefinitionStatus> | undefined => {
      const next = settledConditions(current, entry.served !== undefined, now);
      return deepEqual(next, current.status?.conditions ?? []) ? undefined : { conditions: next };
    };
    if (conditions(definition) !== undefined) await this.#update(name, conditions);
  }

  /** Deletes the objects; when none is left the CRD may go. */
  async #cleanUp(entry: Entry): Promise<void> {
    const { definition } = entry;
    const name = definition.metadata.name ?? "";
    const now = formatTime(this.#host.clock.now());
    const say =
      (next: Omit<DefinitionCondition, "type" | "lastTransitionTime">) =>
      (current: CustomResourceDefinition): Partial<DefinitionStatus> => ({
        conditions: withCondition(current.status?.conditions ?? [], { type: "Terminating", ...next }, now),
      });
    const { store } = entry.served ?? {};
    if (store !== undefined && !(await this.#emptied(entry, store))) {
      const { reason = pendingDeletion.reason } = condition(definition, "Terminating") ?? {};
      if (reason !== pendingDeletion.reason) return;
      const message = "CustomResource deletion is in progress";
      await this.#update(name, say({ status: "True", reason: "InstanceDeletionInProgress", message }));
      return;
    }
    const outcome =
      store === undefined
        ? ({
            status: "False",
            reason: "NeverEstablished",
            message: "resource was never established",
          } as const)
        : ({
            status: "False",
            reason: "InstanceDeletionCompleted",
            message: "removed all instances",
          } as const);
    await this.#update(name, say(outcome), (current) => {
      current.metadata.finalizers = (current.metadata.finalizers ?? []).filter(
        (held) => held !== cleanupFinalizer,
      );
    });
  }

  async #emptied(entry: Entry, store: GenericStore): Promise<boolean> {
    const everything = {
      namespace: "",
      predicate: { matches: () => true, empty: true },
      resourceVersion: "",
      resourceVersionMatch: "" as const,
      limit: 0,
      continue: "",
    };
    const context = this.#context();
    await store.deleteCollection(everything, context, {});
    const left = await store.list(everything, context);
    if (left.items.length === 0) return true;
    // Finalizers hold some: whenever one goes, this is looked at again.
    entry.leaving ??= store.watch(
      {
        namespace: "",
        options: {
          predicate: everything.predicate,
          resourceVersion: left.resourceVersion,
          allowBookmarks: false,
          sendInitialEvents: false,
        },
      },
      {
        onEvents: (events) => {
          if (events.some(({ type }) => type === "DELETED"))
            this.#enqueue(entry.definition.metadata.name ?? "");
          return true;
        },
        onClosed: () => {
          entry.leaving = undefined;
          this.#enqueue(entry.definition.metadata.name ?? "");
        },
      },
    );
    return false;
  }

  /** Changes the status of the CRD as it is now, unless `change` finds nothing to do. */
  async #update(
    name: string,
    change: (current: CustomResourceDefinition) => Partial<DefinitionStatus> | undefined,
    release: (next: CustomResourceDefinition) => void = () => {},
  ): Promise<void> {
    const { definitionStatus: handler } = this.#host;
    const context = this.#context();
    await handler.update?.(
      name,
      (current) => {
        const definition = current?.object as CustomResourceDefinition;
        const next = structuredClone(definition);
        const changed = change(definition);
        if (changed === undefined) return next;
        next.status = { ...next.status, ...changed };
        release(next);
        return trackFields(definition, next, {
          form: handler.form,
          subresource: handler.subresource,
          rules: handler.rules,
          context,
        });
      },
      context,
      {},
    );
  }

  #context(): RequestContext {
    return {
      user: { name: "system:apiserver", groups: ["system:masters"] },
      namespace: "",
      dryRun: false,
      fieldManager: "kube-apiserver",
      now: this.#host.clock.now(),
      warn: () => {},
    };
  }
}

function others(
  all: readonly CustomResourceDefinition[],
  current: CustomResourceDefinition,
): CustomResourceDefinition[] {
  return all.filter(({ metadata }) => metadata.name !== current.metadata.name);
}

/** Conditions other than those of names. Established follows only when this member serves the kind. */
function settledConditions(
  definition: CustomResourceDefinition,
  isServed: boolean,
  now: string,
): DefinitionCondition[] {
  let conditions = definition.status?.conditions ?? [];
  const established = isServed && isTrue(definition, "NamesAccepted") && !isTrue(definition, "Established");
  for (const next of [
    established ? establishedCondition(definition) : undefined,
    approvalCondition(definition),
    structureCondition(definition),
  ]) {
    if (next !== undefined) conditions = withCondition(conditions, next, now);
  }
  return conditions;
}
