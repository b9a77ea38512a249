import type { Registry } from "../registry/index.ts";

/** What is made of everything served, kept until something else is served. */
export function currentOf<T>(registry: { readonly generation: number }, build: () => T): () => T {
  let made: { readonly generation: number; readonly value: T } | undefined;
  return () => {
    const { generation } = registry;
    if (made?.generation !== generation) made = { generation, value: build() };
    return made.value;
  };
}

/** Groups of this server's own; what CRDs define comes and goes without a trace. */
export function builtinGroups(registry: Registry): () => ReadonlySet<string> {
  return currentOf(
    registry,
    () =>
      new Set(
        registry.resources
          .filter(({ info }) => info.published === undefined)
          .map(({ resource }) => resource.group),
      ),
  );
}

/** Groups of which something is served. */
export function servedGroups(registry: Registry): () => ReadonlySet<string> {
  return currentOf(registry, () => new Set(registry.resources.map(({ resource }) => resource.group)));
}
