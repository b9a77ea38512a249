import { deepEqual } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { ApiService, Registry, RequestContext, ResourceHandler } from "../../registry/index.ts";
import { Availability } from "./availability.ts";
import { LocalServices } from "./local-services.ts";
import { RemoteApi, type RemoteDeps } from "./remote-api.ts";
import { type KnownApi, learn } from "./remote-documents.ts";
import { ServiceChanges, serviceKey } from "./service-changes.ts";

const retryMs = 500;
/** For each of a server's documents. Milliseconds. */
const documentTimeoutMs = 5000;

const apiServices = { group: "apiregistration.k8s.io", version: "v1", resource: "apiservices" };

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
  readonly #local: LocalServices;
  readonly #availability: Availability;
  readonly #changes: ServiceChanges;
  /** Raised whenever another server comes, goes or changes how it is. */
  generation = 0;
  #closing: (() => void)[] = [];
  #closed = false;

  constructor(registry: Registry, clock: Clock, deps: RemoteDeps) {
    this.#registry = registry;
    this.#clock = clock;
    this.#deps = deps;
    const context = (): RequestContext => this.#context();
    this.#local = new LocalServices({ registry, clock, handler: () => this.#handler, context });
    this.#availability = new Availability({
      registry,
      clock,
      context,
      remote: (name) => {
        const { group = "", version = "" } = this.#services.get(name)?.spec ?? {};
        return this.remote(group, version);
      },
      answered: (remote) => this.#learn(remote),
    });
    this.#changes = new ServiceChanges({
      registry,
      clock,
      changed: (service) => {
        for (const [name, { spec }] of this.#services)
          if (keyOf(spec) === service) this.#availability.check(name);
      },
    });
  }

  /** Follows APIServices and registers what this server serves. Resolves once that is done for the first time. */
  async start(): Promise<void> {
    this.#follow();
    this.#closing.push(this.#registry.onChange(() => void this.#local.register()));
    await this.#registry.ready;
    await this.#local.register();
  }

  close(): void {
    this.#closed = true;
    for (const close of this.#closing.splice(0)) close();
    this.#local.close();
    this.#availability.close();
    this.#changes.close();
  }

  /** The server that a version of a group is asked of; undefined where that is this one. */
  remote(group: string, version: string): RemoteApi | undefined {
    return this.#remotes.get(`${group}/${version}`);
  }

  get remotes(): readonly RemoteApi[] {
    return [...this.#remotes.values()];
  }

  /** What is known of a server; undefined until it has answered once. */
  known({ group, version }: RemoteApi): KnownApi | undefined {
    return this.#known.get(`${group}/${version}`);
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
          predicate: { matches: () => true, empty: true },
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
    if (!deepEqual(before?.spec.service, service?.spec.service)) this.#followServices();
    if (service === undefined || reference === undefined) {
      this.#availability.forget(name);
      if (this.#remotes.delete(key)) this.generation++;
      this.#known.delete(key);
      // Somebody deleted what this server serves: it is registered again.
      if (service === undefined && before?.spec.service === undefined) void this.#local.register();
      return;
    }
    this.#remotes.set(key, new RemoteApi(service, this.#deps));
    this.generation++;
    if (!deepEqual(before?.spec, service.spec)) this.#availability.check(name);
  }

  #followServices(): void {
    const keys = [...this.#services.values()].map(({ spec }) => keyOf(spec));
    this.#changes.follow(new Set(keys.filter((key) => key !== undefined)));
  }

  async #learn(remote: RemoteApi): Promise<void> {
    const key = `${remote.group}/${remote.version}`;
    const before = this.#known.get(key);
    const known = await learn(remote, before, documentTimeoutMs);
    if (this.#closed || !this.#remotes.has(key) || (before !== undefined && deepEqual(before, known))) return;
    this.#known.set(key, known);
    this.generation++;
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

const keyOf = ({ service }: ApiService["spec"]): string | undefined =>
  service && serviceKey(service.namespace, service.name);
