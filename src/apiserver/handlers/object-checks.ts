import { errors, type KubeObject } from "../../apimachinery/index.ts";
import type { ResourceCall } from "./call.ts";

/** The namespace of an object is the request's; left out it is filled in. @throws StatusError BadRequest */
export function settleNamespace(object: KubeObject, namespace: string): void {
  const { metadata } = object;
  if (namespace === "") delete metadata.namespace;
  else if (!metadata.namespace) metadata.namespace = namespace;
  else if (metadata.namespace !== namespace) {
    throw errors.badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
}

/** What only the server says is forgotten before anybody is made its owner. */
export function wipeSystemFields({ metadata }: KubeObject): void {
  delete metadata.creationTimestamp;
  delete metadata.uid;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
}

/** The object of a PUT or PATCH is the one that the URL names. @throws StatusError BadRequest */
export function checkName(object: KubeObject, name: string): void {
  const given = object.metadata.name ?? "";
  if (given === name) return;
  if (given === "") {
    throw errors.badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  throw errors.badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
}

/** One reference for each owner; told as a warning, as upstream. `admitted`: the second look, after admission. */
export function dedupOwnerReferences(object: KubeObject, call: ResourceCall, admitted = false): void {
  const references = object.metadata.ownerReferences;
  if (references === undefined || references.length < 2) return;
  const seen = new Set<string>();
  const repeated = new Set<string>();
  const kept = references.filter((reference) => {
    const text = JSON.stringify(Object.entries(reference).sort());
    if (!seen.has(text)) return seen.add(text);
    repeated.add(reference.uid);
    return false;
  });
  if (repeated.size === 0) return;
  object.metadata.ownerReferences = kept;
  call.context.state.warnings.add(
    `.metadata.ownerReferences contains duplicate entries${admitted ? " after mutating admission happens" : ""}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${[...repeated].join(", ")}`,
  );
}
