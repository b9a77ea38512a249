/** Subresources that carry bytes: from the URL to a connection that goes on to a node or a pod. */
import type { Admission } from "../../admission/index.ts";
import { errors, type KubeObject, StatusError } from "../../apimachinery/index.ts";
import type { Authorizer } from "../../auth/index.ts";
import type { Clock, Random } from "../../platform/index.ts";
import type { Registry, RequestContext, ResourceHandler } from "../../registry/index.ts";
import { accessRequest } from "../layers/authorize.ts";
import type { ApiContext } from "../state.ts";
import { admitConnect } from "./admit.ts";
import type { Outbound } from "./outbound.ts";
import { type ConnectReader, podCommand, podLog, podPortForward } from "./pod-streams.ts";
import { proxy } from "./proxy.ts";

export type { Outbound } from "./outbound.ts";

export type Connect = (context: ApiContext, handler: ResourceHandler) => Promise<void>;

export function createConnect(deps: {
  readonly registry: Registry;
  readonly authorizer: Authorizer;
  readonly admission: Admission;
  readonly outbound: Outbound | undefined;
  readonly clock: Clock;
  readonly random: Random;
}): Connect {
  const { registry, authorizer, admission, outbound, random } = deps;
  return async (context, handler) => {
    const reader = readerFor(context, registry, deps.clock);
    const { method = "" } = context.req;
    switch (handler.subresource) {
      case "log":
        if (method !== "GET") throw errors.methodNotAllowed();
        return podLog(context, reader, outbound);
      case "exec":
      case "attach":
        requireStreaming(method);
        await requireCreate(context, authorizer);
        await admitConnect(context, handler, admission);
        return podCommand(context, handler.subresource, reader, outbound);
      case "portforward":
        requireStreaming(method);
        await requireCreate(context, authorizer);
        await admitConnect(context, handler, admission);
        return podPortForward(context, reader, outbound);
      default:
        await admitConnect(context, handler, admission);
        return proxy(context, { reader, outbound, random: () => random.number() });
    }
  };
}

function requireStreaming(method: string): void {
  if (method !== "GET" && method !== "POST") throw errors.methodNotAllowed();
}

/**
 * A WebSocket opens with a GET, so who may only read came this far; to run something in a pod takes what the POST of SPDY asks for
 * (KEP-4006, AuthorizePodWebsocketUpgradeCreatePermission).
 */
async function requireCreate(context: ApiContext, authorizer: Authorizer): Promise<void> {
  const request = accessRequest(context);
  if (request.verb === "create") return;
  const decision = await authorizer.authorize({ ...request, verb: "create" });
  if (decision.allowed) return;
  const { group, resource, name } = context.state.info;
  throw errors.forbidden({ group, resource }, name, decision.reason);
}

function readerFor(context: ApiContext, registry: Registry, clock: Clock): ConnectReader {
  const read = async (resource: string, namespace: string, name: string): Promise<KubeObject> => {
    const handler = registry.resource({ group: "", version: "v1", resource });
    const request: RequestContext = {
      user: context.state.user,
      namespace,
      dryRun: false,
      fieldManager: "",
      now: clock.now(),
      warn: () => {},
    };
    if (handler?.get === undefined) throw errors.resourceNotFound();
    return (await handler.get(name, request)).object;
  };
  return {
    pod: (namespace, name) => read("pods", namespace, name),
    node: (name) => read("nodes", "", name),
    service: (namespace, name) => read("services", namespace, name),
    endpoints: (namespace, name) =>
      read("endpoints", namespace, name).catch((error: unknown) => {
        if (error instanceof StatusError && error.code === 404) return undefined;
        throw error;
      }),
  };
}
