import { formatTime, type KubeObject, StatusError } from "../../apimachinery/index.ts";
import type { Clock, Timer } from "../../platform/index.ts";
import {
  type ApiService,
  type ApiServiceCondition,
  customPriority,
  localPriority,
  type Registry,
  type RequestContext,
  type ResourceHandler,
  trackFields,
} from "../../registry/index.ts";
import { ServiceUnavailable } from "../outgoing/service-address.ts";
import { RemoteApi, type RemoteDeps } from "./remote-api.ts";

/** How often an available server is asked whether it still is, and one that is not whether it is again. Milliseconds. */
const availableEveryMs = 30_000;
const unavailableEveryMs = 2000;
const checkTimeoutMs = 5000;
const retryMs = 500;

/** One entry of an APIResourceList. */
export interface RemoteResource {
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

interface KnownApi {
  readonly resources: readonly RemoteResource[];
  /** Where its OpenAPI document is, with its hash; undefined where it has none. */
  readonly openApi: string | undefined;
}

interface OpenApiIndex {
  readonly paths?: Readonly<Record<string, { readonly serverRelativeURL?: string }>>;
}

const managed = "kube-aggregator.kubernetes.io/automanaged";
const apiServices = { group: "apiregistration.k8s.io", version: "v1", resource: "apiservices" };
const everything = { matches: () => true, empty: true };

/**
 * APIServices at work: one for every version that this server serves itself, kept as upstream keeps them, and behind the others the servers
 * that their requests go to, each watched whether it answers.
 */
export class Aggregation {
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #deps: RemoteDeps;
  readonly #services = new Map<string, ApiService>();
  readonly #remotes = new Map<string, RemoteApi>();
  readonly #known = new Map<string, KnownApi>();
  readonly #checks = new Map<string, Timer>();
  /** Raised whenever another server comes, goes or changes how it is. */
  generation = 0;
  #closing: (() => void)[] = [];
  #closed = false;
  #registering: Promise<void> | undefined;
  #registerAgain = false;

  constructor(registry: Registry, clock: Clock, deps: RemoteDeps) {
    this.#registry = registry;
    this.#clock = clock;
    this.#deps = deps;
  }

  /** Follows APIServices and registers what this server serves. Resolves once that is done for the first time. */
  async start(): Promise<void> {
    this.#follow();
    this.#closing.push(this.#registry.onChange(() => void this.#register()));
    await this.#registry.ready;
    await this.#register();
  }

  close(): void {
    this.#closed = true;
    for (const close of this.#closing.splice(0)) close();
    for (const timer of this.#checks.values()) timer.cancel();
  }

  /** The server that a version of a group is asked of; undefined where that is this one. */
  remote(group: string, version: string): RemoteApi | undefined {
    return this.#remotes.get(`${group}/${version}`);
  }

  get remotes(): readonly RemoteApi[] {
    return [...this.#remotes.values()];
  }

  get #handler(): ResourceHandler {
    return this.#registry.resource(apiServices) as ResourceHandler;
  }

  #follow(): void {
    if (this.#closed) return;
    const watch = this.#handler.watch?.(
      {
        namespace: "",
        options: {
          predicate: everything,
          resourceVersion: "",
          allowBookmarks: false,
          sendInitialEvents: false,
        },
      },
      {
        onEvents: (events) => {
          for (const event of events) {
            if (event.type === "BOOKMARK") continue;
            const service = event.stored.object as ApiService;
            this.#take(service.metadata.name ?? "", event.type === "DELETED" ? undefined : service);
          }
          return true;
        },
        onClosed: () => this.#clock.after(retryMs, () => this.#follow(), { background: true }),
      },
    );
    if (watch !== undefined) this.#closing.push(() => watch.close());
  }

  #take(name: string, service: ApiService | undefined): void {
    const before = this.#services.get(name);
    if (service === undefined) this.#services.delete(name);
    else this.#services.set(name, service);
    const { group = "", version = "", service: reference } = (service ?? before)?.spec ?? {};
    const key = `${group}/${version}`;
    if (service === undefined || reference === undefined) {
      this.#checks.get(name)?.cancel();
      this.#checks.delete(name);
      if (this.#remotes.delete(key)) this.generation++;
      // Somebody deleted what this server serves: it is registered again.
      if (service === undefined && before?.spec.service === undefined) void this.#register();
      return;
    }
    this.#remotes.set(key, new RemoteApi(service, this.#deps));
    this.generation++;
    const isNew = JSON.stringify(before?.spec) !== JSON.stringify(service.spec);
    if (isNew) this.#schedule(name, 0);
  }

  #schedule(name: string, milliseconds: number): void {
    this.#checks.get(name)?.cancel();
    const check = (): void => {
      void this.#check(name)
        .catch(() => false)
        .then((available) => {
          const next = available ? availableEveryMs : unavailableEveryMs;
          if (!this.#closed && this.#checks.has(name)) this.#schedule(name, next);
        });
    };
    this.#checks.set(name, this.#clock.after(milliseconds, check, { background: true }));
  }

  /** Asks a server for its discovery, and writes down whether it answered. */
  async #check(name: string): Promise<boolean> {
    const service = this.#services.get(name);
    const remote = service && this.remote(service.spec.group ?? "", service.spec.version ?? "");
    if (remote === undefined) return false;
    let outcome: Pick<ApiServiceCondition, "status" | "reason" | "message">;
    const path = `/apis/${remote.group}/${remote.version}`;
    try {
      const found = (await remote.document(path, "application/json", checkTimeoutMs)) as {
        resources?: RemoteResource[];
      };
      await this.#learn(remote, found.resources ?? []);
      outcome = { status: "True", reason: "Passed", message: "all checks passed" };
    } catch (error) {
      const {
        port,
        name: serviceName,
        namespace,
      } = service?.spec.service ?? { port: 443, name: "", namespace: "" };
      outcome =
        error instanceof ServiceUnavailable
          ? { status: "False", reason: error.reason, message: error.message }
          : {
              status: "False",
              reason: "FailedDiscoveryCheck",
              message: `failing or missing response from https://${serviceName}.${namespace}.svc:${port}${path}: ${(error as Error).message}`,
            };
    }
    await this.#report(name, outcome);
    return outcome.status === "True";
  }

  /** What a server says that it has: shown in discovery and OpenAPI beside what this one has. */
  async #learn(remote: RemoteApi, resources: readonly RemoteResource[]): Promise<void> {
    const key = `${remote.group}/${remote.version}`;
    const path = `apis/${key}`;
    const index = (await remote
      .document("/openapi/v3", "application/json", checkTimeoutMs)
      .catch(() => ({}))) as OpenApiIndex;
    const known: KnownApi = { resources, openApi: index.paths?.[path]?.serverRelativeURL };
    if (JSON.stringify(this.#known.get(key)) === JSON.stringify(known)) return;
    this.#known.set(key, known);
    this.generation++;
  }

  /** What is known of a server; undefined until it has answered once. */
  known({ group, version }: RemoteApi): KnownApi | undefined {
    return this.#known.get(`${group}/${version}`);
  }

  async #report(
    name: string,
    outcome: Pick<ApiServiceCondition, "status" | "reason" | "message">,
  ): Promise<void> {
    const handler = this.#registry.resource({ ...apiServices, resource: "apiservices/status" });
    const context = this.#context();
    await handler?.update?.(
      name,
      (current) => {
        const live = current?.object as ApiService;
        const present = live.status?.conditions?.find(({ type }) => type === "Available");
        const next = structuredClone(live);
        if (
          present?.status === outcome.status &&
          present.reason === outcome.reason &&
          present.message === outcome.message
        )
          return next;
        const now = formatTime(this.#clock.now());
        const since = present?.status === outcome.status ? (present.lastTransitionTime ?? now) : now;
        next.status = { conditions: [{ type: "Available", ...outcome, lastTransitionTime: since }] };
        return trackFields(live, next, {
          form: handler.form,
          subresource: "status",
          rules: handler.rules,
          context,
        });
      },
      context,
      {},
    );
  }

  /** One run at a time; what changed meanwhile is looked at after it. */
  #register(): Promise<void> {
    this.#registerAgain = true;
    this.#registering ??= (async () => {
      while (this.#registerAgain && !this.#closed) {
        this.#registerAgain = false;
        try {
          await this.#registerLocal();
        } catch {
          this.#clock.after(retryMs, () => void this.#register(), { background: true });
        }
      }
    })().finally(() => {
      this.#registering = undefined;
    });
    return this.#registering;
  }

  /** Makes the APIServices that are missing, and takes away those of custom kinds that are gone. */
  async #registerLocal(): Promise<void> {
    const handler = this.#handler;
    const context = this.#context();
    const wanted = new Map<string, { group: string; version: string; custom: boolean }>();
    for (const { resource, info } of this.#registry.resources) {
      const { group, version } = resource;
      // The aggregator does not list what it serves itself.
      if (group === apiServices.group) continue;
      const name = `${version}.${group}`;
      wanted.set(name, { group, version, custom: info.published !== undefined });
    }
    const list = await handler.list?.(
      {
        namespace: "",
        predicate: everything,
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
    { group, version, custom }: { group: string; version: string; custom: boolean },
    context: RequestContext,
  ): Promise<void> {
    const handler = this.#handler;
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

  #context(): RequestContext {
    return {
      user: { name: "system:apiserver", groups: ["system:masters"] },
      namespace: "",
      dryRun: false,
      fieldManager: "kube-apiserver",
      now: this.#clock.now(),
      warn: () => {},
    };
  }
}

/** Another member was faster. */
const ignore =
  (reason: string) =>
  (error: unknown): void => {
    if (!(error instanceof StatusError && error.reason === reason)) throw error;
  };
