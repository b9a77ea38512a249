import type { GroupResource, KubeObject } from "../../apimachinery/index.ts";
import { createInformer, type Informer } from "../../client/index.ts";
import type { ControllerContext } from "../context.ts";
import { type DiscoveredResource, discover } from "../discovery.ts";
import { aborted } from "../lifecycle.ts";

/** Between looks at what is served, while a quota counts what is not, or what may go: upstream's interval. */
const discoverMs = 30_000;

interface CountedResource {
  readonly informer: Informer;
  readonly ends: AbortSignal;
  end(): void;
}

const nameOf = ({ group, resource }: GroupResource): string => `${resource}.${group}`;

/**
 * The informers of what quotas count. Those of what is counted by more than its number are there from the start; others come when a quota
 * first names them, and end when they are no longer served: a custom resource's goes with its definition.
 */
export class Counted {
  readonly #context: ControllerContext;
  readonly #whole: ReadonlyMap<string, Informer>;
  readonly #counted = new Map<string, CountedResource>();
  readonly #gone: (object: KubeObject) => void;
  #served: readonly DiscoveredResource[] = [];
  #discoveredAt = Number.NEGATIVE_INFINITY;

  constructor(
    context: ControllerContext,
    /** By `resource.group`. */
    whole: ReadonlyMap<string, Informer>,
    /** Hears of what is counted by number and goes. */
    gone: (object: KubeObject) => void,
  ) {
    this.#context = context;
    this.#whole = whole;
    this.#gone = gone;
  }

  /** That of a resource, once it knows what there is; undefined for what is not served. */
  async of(resource: GroupResource): Promise<Informer | undefined> {
    const whole = this.#whole.get(nameOf(resource));
    if (whole !== undefined) return whole;
    const counted = this.#counted.get(nameOf(resource)) ?? (await this.#start(resource));
    if (counted === undefined) return undefined;
    const { informer, ends } = counted;
    if (!informer.hasSynced) await Promise.race([informer.synced, aborted(ends)]);
    return ends.aborted ? undefined : informer;
  }

  /** Looks now and then what is gone, until the signal of the controllers fires. */
  watchForGone(): void {
    const { clock, log, signal } = this.#context;
    const look = async (): Promise<void> => {
      try {
        if (this.#counted.size > 0) await this.#discover();
      } catch (error) {
        log.debug("cannot discover what to count", { error: String(error) });
      }
      if (!signal.aborted) timer = clock.after(discoverMs, look, { background: true });
    };
    let timer = clock.after(discoverMs, look, { background: true });
    void aborted(signal).then(() => timer.cancel());
  }

  async #start({ group, resource }: GroupResource): Promise<CountedResource | undefined> {
    const { client, clock, random, log, signal, informers } = this.#context;
    const find = () => this.#served.find((each) => each.group === group && each.resource === resource);
    if (find() === undefined && clock.now() - this.#discoveredAt > discoverMs) await this.#discover();
    const found = find();
    if (found === undefined || !found.namespaced || !found.verbs.includes("watch")) return undefined;
    const known = this.#counted.get(nameOf(found));
    if (known !== undefined) return known;
    const scope = { group, version: found.version, resource };
    const shared = informers.peek(scope);
    const informer =
      shared ??
      createInformer({ client, clock, random, log, scope, streamingList: true, transform: identityOf });
    const own = new AbortController();
    const ends = AbortSignal.any([own.signal, signal]);
    const forget = informer.addHandler({ delete: this.#gone });
    void aborted(ends).then(forget);
    const counted = { informer, ends, end: () => own.abort() };
    this.#counted.set(nameOf(found), counted);
    if (shared === undefined) informer.start(ends);
    return counted;
  }

  async #discover(): Promise<void> {
    this.#discoveredAt = this.#context.clock.now();
    const { resources, stale } = await discover(this.#context.client);
    this.#served = resources;
    const served = new Set(resources.map(nameOf));
    for (const [name, counted] of this.#counted) {
      // What a server that does not answer has, nobody knows.
      if (served.has(name) || stale.includes(name.slice(name.indexOf(".") + 1))) continue;
      this.#counted.delete(name);
      counted.end();
    }
  }
}

/** What counting by number needs of an object. */
function identityOf({ metadata: { name, namespace, uid, resourceVersion } }: KubeObject): KubeObject {
  return { metadata: { name, namespace, uid, resourceVersion } } as KubeObject;
}
