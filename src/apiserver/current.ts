import type { Registry } from "../registry/index.ts";

/** What is made of everything served, kept until something else is served. */
export function currentOf<T>(registry: Registry, build: () => T): () => T {
  let made: { readonly generation: number; readonly value: T } | undefined;
  return () => {
    const { generation } = registry;
    if (made?.generation !== generation) made = { generation, value: build() };
    return made.value;
  };
}

/** Groups of which something is served. */
export function servedGroups(registry: Registry): () => ReadonlySet<string> {
  return currentOf(registry, () => new Set(registry.resources.map(({ resource }) => resource.group)));
}
