import { errors } from "../../apimachinery/index.ts";
import type { Registry, ResourceHandler, Verb } from "../../registry/index.ts";
import { resourceInfo } from "../../schema/index.ts";
import type { Connect } from "../connect/index.ts";
import { builtinGroups, servedGroups } from "../current.ts";
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

type Route = readonly [verb: Verb, handle: VerbHandler];

const onNamed: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["GET", ["get", get]],
  ["PUT", ["update", update]],
  ["PATCH", ["patch", patch]],
  ["DELETE", ["delete", remove]],
  ["POST", ["create", create]],
]);
const onCollection: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["GET", ["list", list]],
  ["POST", ["create", create]],
  ["DELETE", ["deletecollection", deleteCollection]],
]);

/**
 * Resources: from the URL to the handler of a verb. What is no resource of a group that is served goes on to the next layer. Unlike a
 * table of routes this finds resources that come while the server runs, in two look-ups.
 */
export function resources(registry: Registry, deps: HandlerDeps, connect: Connect): Layer {
  const groups = servedGroups(registry);
  const ownGroups = builtinGroups(registry);
  return (context, next) => {
    const { info } = context.state;
    if (!info.isResource || !groups().has(info.group)) return next(context);
    const resource = info.subresource === "" ? info.resource : `${info.resource}/${info.subresource}`;
    const handler = registry.resource({ group: info.group, version: info.version, resource });
    if (handler === undefined) {
      const parent = registry.resource({ group: info.group, version: info.version, resource: info.resource });
      if (parent?.info.published !== undefined && inScope(parent, info, context.req.method ?? ""))
        throw errors.notFound(parent.resource, info.name);
      if (ownGroups().has(info.group)) throw unserved(info);
      return next(context);
    }
    if (!inScope(handler, info, context.req.method ?? "") || !hasPath(handler, info)) {
      if (handler.info.published === undefined) throw errors.resourceNotFound();
      return next(context);
    }
    if (handler.connects === true) {
      context.state.handler = handler;
      return connect(context, handler);
    }
    const verb = verbHandler(handler, info, context.req.method ?? "");
    if (verb === undefined) throw errors.methodNotAllowed();
    context.state.handler = handler;
    if (handler.strategy.deprecation !== undefined) {
      context.state.warnings.add(handler.strategy.deprecation);
      if (handler.info.published === undefined) context.state.audit?.annotate("k8s.io/deprecated", "true");
    }
    return verb(new ResourceCall(context, handler, deps));
  };
}

/** What Kubernetes has and this server has not is told apart from what nobody has. */
function unserved({ group, version, resource, subresource, verb }: RequestInfo): Error {
  const known = resourceInfo({ group, version, resource })?.subresources.some(
    ({ name }) => name === subresource,
  );
  return known === true
    ? errors.methodNotSupported({ group, resource: `${resource}/${subresource}` }, verb)
    : errors.resourceNotFound();
}

/** Whether the path is one of the resource: with a namespace, or without. */
function inScope(handler: ResourceHandler, info: RequestInfo, method: string): boolean {
  // What stands behind `/proxy` is the target's.
  if (info.surplus > 0 && !(handler.connects === true && handler.subresource === "proxy")) return false;
  if (!handler.namespaced) {
    const isNamespace = info.group === "" && info.resource === "namespaces";
    return info.namespace === "" || isNamespace;
  }
  // Across all namespaces there are only collections, of what can be listed.
  if (info.namespace !== "") return true;
  // Those of custom kinds are only there for reading.
  const isCustom = handler.info.published !== undefined;
  return !info.named && handler.verbs.includes("list") && !(isCustom && method !== "GET");
}

/** What is only ever asked and answered (reviews, bindings) has no objects with names. */
function hasPath(handler: ResourceHandler, { named, subresource }: RequestInfo): boolean {
  if (!named || subresource !== "") return true;
  return handler.get !== undefined || handler.update !== undefined || handler.delete !== undefined;
}

function verbHandler(handler: ResourceHandler, info: RequestInfo, method: string): VerbHandler | undefined {
  if (info.legacyWatch) return method === "GET" && handler.verbs.includes("watch") ? watch : undefined;
  // Across all namespaces nothing can be written.
  if (!info.named && handler.namespaced && info.namespace === "" && method !== "GET") return undefined;
  const [verb, handle] = (info.named ? onNamed : onCollection).get(method) ?? [];
  if (verb === "create" && info.named && handler.createNamed === undefined) return undefined;
  if (verb === "list" && info.verb === "watch") return handler.verbs.includes("watch") ? watch : undefined;
  return verb !== undefined && handler.verbs.includes(verb) ? handle : undefined;
}
