import type { KubeObject } from "../apimachinery/index.ts";

/** The values under which an index files an object. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[];

/** `namespace/name`, or `name` for cluster-scoped objects: client-go's MetaNamespaceKeyFunc. */
export function keyOf(object: KubeObject): string {
  return keyOfName(object.metadata.namespace, object.metadata.name ?? "");
}

function keyOfName(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/** The parts of a key; the namespace of a cluster-scoped object is "". */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  if (slash === -1) return { namespace: "", name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Reads a local copy of the API's objects. What it hands out is shared: copy before changing. */
export interface Lister<T extends KubeObject = KubeObject> {
  get(namespace: string | undefined, name: string): T | undefined;
  getByKey(key: string): T | undefined;
  /** All, or those of one namespace; in no order that means anything. */
  list(namespace?: string): T[];
  /** Those that the index files under `value`. @throws where no such index was added */
  byIndex(index: string, value: string): T[];
  readonly size: number;
}

/** Objects by key, by namespace and by indexes of the owner's choice. */
export class Store<T extends KubeObject = KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, { file: IndexFunction<T>; entries: Map<string, Map<string, T>> }>();

  constructor() {
    this.addIndex(namespaceIndex, (object) => [object.metadata.namespace ?? ""]);
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Adding an index twice keeps the first. */
  addIndex(name: string, file: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index = { file, entries: new Map<string, Map<string, T>>() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) insert(index.entries, file(object), key, object);
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(keyOfName(namespace, name));
  }

  getByKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.byIndex(namespaceIndex, namespace);
  }

  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`no index ${name}`);
    const found = index.entries.get(value);
    return found === undefined ? [] : [...found.values()];
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  /** The object that was there before. */
  put(key: string, object: T): T | undefined {
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const { file, entries } of this.#indexes.values()) {
      if (old !== undefined) remove(entries, file(old), key);
      insert(entries, file(object), key, object);
    }
    return old;
  }

  /** The object that was there. */
  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    for (const { file, entries } of this.#indexes.values()) remove(entries, file(old), key);
    return old;
  }
}

const namespaceIndex = "namespace";

function insert<T>(
  entries: Map<string, Map<string, T>>,
  values: readonly string[],
  key: string,
  object: T,
): void {
  for (const value of values) {
    let found = entries.get(value);
    if (found === undefined) {
      found = new Map();
      entries.set(value, found);
    }
    found.set(key, object);
  }
}

function remove<T>(entries: Map<string, Map<string, T>>, values: readonly string[], key: string): void {
  for (const value of values) {
    const found = entries.get(value);
    if (found === undefined) continue;
    found.delete(key);
    if (found.size === 0) entries.delete(value);
  }
}
