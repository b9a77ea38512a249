import { errors } from "../../apimachinery/index.ts";
import type { Registry, ResourceHandler } from "../../registry/index.ts";
import { type HandlerDeps, ResourceCall, type VerbHandler } from "../handlers/call.ts";
import { create } from "../handlers/create.ts";
import { remove } from "../handlers/delete.ts";
import { deleteCollection } from "../handlers/delete-collection.ts";
import { get } from "../handlers/get.ts";
import { list } from "../handlers/list.ts";
import { patch } from "../handlers/patch.ts";
import { update } from "../handlers/update.ts";
import { watch } from "../handlers/watch.ts";
import type { RequestInfo } from "../request-info.ts";
import type { Layer } from "../state.ts";

const onNamed: ReadonlyMap<string, VerbHandler> = new Map([
  ["GET", get],
  ["PUT", update],
  ["PATCH", patch],
  ["DELETE", remove],
]);
const onCollection: ReadonlyMap<string, VerbHandler> = new Map([
  ["GET", list],
  ["POST", create],
  ["DELETE", deleteCollection],
]);

/**
 * Resources: from the URL to the handler of a verb. What is no resource of a group that is served goes on to the next layer. Unlike a
 * table of routes this finds resources that come while the server runs, in two look-ups.
 */
export function resources(registry: Registry, deps: HandlerDeps): Layer {
  const groups = new Set(registry.resources.map(({ resource }) => resource.group));
  return async (context, next) => {
    const { info } = context.state;
    if (!info.isResource || !groups.has(info.group)) return await next();
    const resource = info.subresource === "" ? info.resource : `${info.resource}/${info.subresource}`;
    const handler = registry.resource({ group: info.group, version: info.version, resource });
    if (handler === undefined || !inScope(handler, info)) throw errors.resourceNotFound();
    const verb = verbHandler(handler, info, context.req.method ?? "");
    if (verb === undefined) throw errors.methodNotAllowed();
    context.state.handler = handler;
    await verb(new ResourceCall(context, handler, deps));
  };
}

/** Whether the path is one of the resource: with a namespace, or without. */
function inScope(handler: ResourceHandler, info: RequestInfo): boolean {
  if (info.surplus > 0) return false;
  if (!handler.namespaced) {
    const isNamespace = info.group === "" && info.resource === "namespaces";
    return info.namespace === "" || isNamespace;
  }
  // Across all namespaces there are only collections.
  return info.namespace !== "" || !info.named;
}

function verbHandler(handler: ResourceHandler, info: RequestInfo, method: string): VerbHandler | undefined {
  if (info.legacyWatch) return method === "GET" && handler.watch !== undefined ? watch : undefined;
  if (info.named) {
    if (method === "POST") return handler.createNamed === undefined ? undefined : create;
    if (method === "DELETE" && handler.delete === undefined) return undefined;
    if (method === "GET" && handler.get === undefined) return undefined;
    if (
      (method === "PUT" || method === "PATCH") &&
      !handler.verbs.includes(method === "PUT" ? "update" : "patch")
    ) {
      return undefined;
    }
    return onNamed.get(method);
  }
  // Across all namespaces nothing can be written.
  if (handler.namespaced && info.namespace === "" && method !== "GET") return undefined;
  if (method === "GET" && info.verb === "watch") return handler.watch === undefined ? undefined : watch;
  if (method === "POST" && handler.create === undefined && handler.createNamed === undefined)
    return undefined;
  return onCollection.get(method);
}
