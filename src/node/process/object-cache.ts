import { type KubeObject, StatusError } from "../../apimachinery/index.ts";
import { type Client, createInformer, type Informer, type Log } from "../../client/index.ts";
import type { Clock, Random } from "../../platform/index.ts";

interface Watched {
  readonly informer: Informer;
  readonly stopping: AbortController;
  readonly users: Set<string>;
}

const resources = { configmap: "configmaps", secret: "secrets" };

/** The ConfigMaps and Secrets that pods of a node refer to: each watched by name while some pod does, and no other ever read. */
export class ObjectCache {
  readonly #options: { client: Client; clock: Clock; random: Random; log: Log };
  readonly #changed: (podUids: Iterable<string>) => void;
  readonly #watched = new Map<string, Watched>();

  /** `changed`: something that these pods use is new. */
  constructor(
    options: { client: Client; clock: Clock; random: Random; log: Log },
    changed: (podUids: Iterable<string>) => void,
  ) {
    this.#options = options;
    this.#changed = changed;
  }

  /** The object, watched from now on for the pod. */
  async get(
    kind: "configmap" | "secret",
    at: { readonly namespace: string; readonly name: string; readonly podUid: string },
  ): Promise<KubeObject | undefined> {
    const scope = { group: "", version: "v1", resource: resources[kind], namespace: at.namespace };
    const key = `${kind}/${at.namespace}/${at.name}`;
    let watched = this.#watched.get(key);
    if (watched === undefined) {
      watched = this.#watch(key, scope, at.name);
    }
    watched.users.add(at.podUid);
    const { informer } = watched;
    const known = informer.hasSynced ? informer.lister.get(at.namespace, at.name) : undefined;
    if (known !== undefined) return known;
    try {
      return await this.#options.client.get(scope, at.name);
    } catch (error) {
      if (error instanceof StatusError && error.code === 404) return undefined;
      throw error;
    }
  }

  release(podUid: string): void {
    for (const [key, { users, stopping }] of this.#watched) {
      if (!users.delete(podUid) || users.size > 0) continue;
      stopping.abort();
      this.#watched.delete(key);
    }
  }

  stop(): void {
    for (const { stopping } of this.#watched.values()) stopping.abort();
    this.#watched.clear();
  }

  #watch(
    key: string,
    scope: { resource: string; namespace: string; group: string; version: string },
    name: string,
  ): Watched {
    const informer = createInformer({ ...this.#options, scope, fieldSelector: `metadata.name=${name}` });
    const watched: Watched = { informer, stopping: new AbortController(), users: new Set() };
    const tell = (): void => this.#changed(watched.users);
    informer.addHandler({ add: (_, initial) => initial || tell(), update: tell, delete: tell });
    informer.start(watched.stopping.signal);
    this.#watched.set(key, watched);
    return watched;
  }
}
