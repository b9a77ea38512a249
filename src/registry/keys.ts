import { errors, pathSegmentErrors } from "../apimachinery/index.ts";

/** Where a resource's objects stand in the store: `PREFIX namespace / name`, or `PREFIX name` outside of namespaces. */
export interface KeySpace {
  /** Ends in a slash. */
  readonly keyPrefix: string;
  readonly namespaced: boolean;
}

/** @throws StatusError BadRequest: a name that could leave its place in the key space never becomes a key */
export function objectKey(space: KeySpace, namespace: string, name: string): string {
  if (name === "") throw errors.badRequest("Name parameter required.");
  checkSegment(name);
  if (!space.namespaced) return space.keyPrefix + name;
  if (namespace === "") throw errors.badRequest("Namespace parameter required.");
  checkSegment(namespace);
  return `${space.keyPrefix}${namespace}/${name}`;
}

/** The prefix of all objects of a namespace, or of all where `namespace` is "". */
export function listPrefix(space: KeySpace, namespace: string): string {
  if (!space.namespaced || namespace === "") return space.keyPrefix;
  checkSegment(namespace);
  return `${space.keyPrefix}${namespace}/`;
}

function checkSegment(segment: string): void {
  // Nearly every name is made of these: one look instead of a list of rules.
  if (/^[a-z0-9][a-z0-9-]*$/.test(segment)) return;
  const problems = pathSegmentErrors(segment);
  if (problems.length > 0) {
    throw errors.badRequest(`Name parameter invalid: ${JSON.stringify(segment)}: ${problems.join(";")}`);
  }
}
