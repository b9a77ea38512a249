import type { ObjectMeta } from "../../apimachinery/index.ts";
import type { PodSpec } from "../pods.ts";

/** A pod, or what a workload makes its pods from. */
export interface PodTemplate {
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
}

/** What a pod does that a level does not allow: `reason (detail)` in messages. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

// biome-ignore lint/suspicious/noExplicitAny: a container; the schema has checked its fields.
export type Container = any;

/** Init containers, containers and ephemeral ones, in this order. */
export function containersOf({ spec }: PodTemplate): readonly Container[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

/** The names of those containers of which something is true. */
export function containersWith(pod: PodTemplate, is: (container: Container) => boolean): string[] {
  return containersOf(pod)
    .filter(is)
    .map(({ name }) => String(name));
}

/** `one` for one thing, `many` otherwise. */
export function plural(one: string, many: string, count: number): string {
  return count === 1 ? one : many;
}

/** `container "a"`, `volumes "a", "b"` */
export function named(thing: string, names: readonly string[]): string {
  return `${plural(thing, `${thing}s`, names.length)} ${quotedList(names)}`;
}

/** Quoted as they are, without escapes. */
export function quotedList(texts: readonly string[]): string {
  return texts.map((text) => `"${text}"`).join(", ");
}

/** Once each, in order. */
export function sorted(texts: Iterable<string>): string[] {
  return [...new Set(texts)].sort();
}

/** A value that a security context may give for the whole pod and for each container: who gives one that is not allowed. */
export function settersOf<T>(
  pod: PodTemplate,
  // biome-ignore lint/suspicious/noExplicitAny: a security context; the schema has checked its fields.
  of: (context: any) => T | undefined,
  isBad: (value: T) => boolean,
): { readonly who: string; readonly values: readonly T[] } | undefined {
  const values: T[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  const sets = (context: any): boolean => {
    const value = context === undefined ? undefined : of(context);
    if (value === undefined || !isBad(value)) return false;
    values.push(value);
    return true;
  };
  const who = sets(pod.spec.securityContext) ? ["pod"] : [];
  const containers = containersWith(pod, ({ securityContext }) => sets(securityContext));
  if (containers.length > 0) who.push(named("container", containers));
  return who.length === 0 ? undefined : { who: who.join(" and "), values };
}
