import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import {
  customPriority,
  localPriority,
  type Registry,
  type RequestContext,
  type ResourceHandler,
  trackFields,
} from "../../registry/index.ts";

const managed = "kube-aggregator.kubernetes.io/automanaged";
const retryMs = 500;

interface LocalVersion {
  readonly group: string;
  readonly version: string;
  readonly custom: boolean;
}

/** The APIServices of what this server serves itself: made where they are missing, and those of custom kinds that are gone taken away. */
export class LocalServices {
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #handler: () => ResourceHandler;
  readonly #context: () => RequestContext;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(deps: {
    registry: Registry;
    clock: Clock;
    handler: () => ResourceHandler;
    context: () => RequestContext;
  }) {
    this.#registry = deps.registry;
    this.#clock = deps.clock;
    this.#handler = deps.handler;
    this.#context = deps.context;
  }

  close(): void {
    this.#closed = true;
  }

  /** One run at a time; what changed meanwhile is looked at after it. */
  register(): Promise<void> {
    this.#again = true;
    this.#running ??= (async () => {
      while (this.#again && !this.#closed) {
        this.#again = false;
        try {
          await this.#registerAll();
        } catch {
          this.#clock.after(retryMs, () => void this.register(), { background: true });
        }
      }
    })().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #registerAll(): Promise<void> {
    const handler = this.#handler();
    const context = this.#context();
    const wanted = new Map<string, LocalVersion>();
    for (const { resource, info } of this.#registry.resources) {
      const { group, version } = resource;
      // The aggregator does not list what it serves itself.
      if (group === handler.resource.group) continue;
      const name = `${version}.${group}`;
      wanted.set(name, { group, version, custom: info.published !== undefined });
    }
    const list = await handler.list?.(
      {
        namespace: "",
        predicate: { matches: () => true, empty: true },
        resourceVersion: "",
        resourceVersionMatch: "",
        limit: 0,
        continue: "",
      },
      context,
    );
    const present = new Set(list?.items.map(({ object }) => object.metadata.name ?? ""));
    await Promise.all(
      [...wanted].map(async ([name, local]) => {
        if (!present.has(name)) await this.#create(name, local, context);
      }),
    );
    for (const { object } of list?.items ?? []) {
      const name = object.metadata.name ?? "";
      if (wanted.has(name) || object.metadata.labels?.[managed] !== "true") continue;
      await handler.delete?.(name, context, {}).catch(ignore("NotFound"));
    }
  }

  async #create(
    name: string,
    { group, version, custom }: LocalVersion,
    context: RequestContext,
  ): Promise<void> {
    const handler = this.#handler();
    const priority = custom ? customPriority : localPriority(group, version);
    const service: KubeObject = {
      metadata: { name, labels: { [managed]: custom ? "true" : "onstart" } },
      spec: {
        ...(group === "" ? {} : { group }),
        version,
        groupPriorityMinimum: priority.group,
        versionPriority: priority.version,
      },
    };
    const object = handler.form.applyDefaults(handler.form.canonicalize(service));
    trackFields(undefined, object, { form: handler.form, subresource: "", rules: handler.rules, context });
    await handler.create?.(object, context, {}).catch(ignore("AlreadyExists"));
  }
}

/** Another member was faster. */
const ignore =
  (reason: string) =>
  (error: unknown): void => {
    if (!(error instanceof StatusError && error.reason === reason)) throw error;
  };
