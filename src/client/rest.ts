import {
  type KubeList,
  type KubeObject,
  parseJson,
  type Status,
  StatusError,
  stringifyJson,
  type WatchEvent,
} from "../apimachinery/index.ts";
import { concatBytes, fromUtf8 } from "../base/index.ts";
import { bodyBytesMax } from "./limits.ts";
import type {
  Client,
  ListQuery,
  PatchType,
  ResourceScope,
  Transport,
  TransportResponse,
  WatchRequest,
} from "./ports.ts";
import { readWatch } from "./watch-stream.ts";

const patchMediaTypes: Record<PatchType, string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/**
 * A Client over any Transport. `userAgent` names the field manager of every write, as upstream: the part before the
 * first "/".
 */
export function createClient(options: { transport: Transport; userAgent: string }): Client {
  const { transport, userAgent } = options;

  async function call(
    method: string,
    path: string,
    body?: unknown,
    contentType = "application/json",
  ): Promise<string> {
    const response = await transport.request({
      method,
      path,
      headers: {
        accept: "application/json",
        "user-agent": userAgent,
        ...(body === undefined ? {} : { "content-type": contentType }),
      },
      ...(body === undefined ? {} : { body: stringifyJson(body) }),
    });
    const text = await readBody(response);
    if (response.status >= 400) throw statusErrorOf(response, text, method);
    return text;
  }

  async function callObject<T>(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
  ): Promise<T> {
    return parseJson(await call(method, path, body, contentType)) as T;
  }

  return {
    get: (scope, name, subresource) => callObject("GET", resourcePath(scope, name, subresource)),
    list: <T extends KubeObject>(scope: ResourceScope, query?: ListQuery) =>
      callObject<KubeList<T>>("GET", resourcePath(scope) + listParameters(query)),
    watch: <T extends KubeObject>(scope: ResourceScope, request: WatchRequest) =>
      watch<T>(transport, userAgent, scope, request),
    create: (scope, object, subresource) =>
      callObject("POST", resourcePath(scope, subresource?.name, subresource?.subresource), object),
    update: (scope, object, subresource) =>
      callObject("PUT", resourcePath(scope, object.metadata.name ?? "", subresource), object),
    patch: (scope, name, patch) =>
      callObject(
        "PATCH",
        resourcePath(scope, name, patch.subresource) +
          parameters({
            fieldManager: patch.fieldManager ?? (patch.type === "apply" ? managerName(userAgent) : undefined),
            force: patch.force,
          }),
        patch.body,
        patchMediaTypes[patch.type],
      ),
    delete: (scope, name, deletion) =>
      callObject(
        "DELETE",
        resourcePath(scope, name),
        deletion === undefined ? undefined : { kind: "DeleteOptions", apiVersion: "v1", ...deletion },
      ),
    async raw({ method, path, body, accept }) {
      const response = await transport.request({
        method,
        path,
        headers: {
          accept: accept ?? "application/json, */*",
          "user-agent": userAgent,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: stringifyJson(body) }),
      });
      return { status: response.status, body: await readBody(response) };
    },
  };
}

/** Opens the stream when the first event is asked for. */
async function* watch<T extends KubeObject>(
  transport: Transport,
  userAgent: string,
  scope: ResourceScope,
  request: WatchRequest,
): AsyncGenerator<WatchEvent<T>> {
  const response = await transport.request({
    method: "GET",
    path: resourcePath(scope) + listParameters(request, true),
    headers: { accept: "application/json", "user-agent": userAgent },
    takesEvents: true,
    signal: request.signal,
  });
  if (response.status >= 400) throw statusErrorOf(response, await readBody(response), "GET");
  if (response.events === undefined) yield* readWatch<T>(response.body, request.signal);
  else yield* eachEvent(response.events as AsyncIterable<readonly WatchEvent<T>[]>, request.signal);
}

/** Ends, without an error, when the signal fires. */
async function* eachEvent<T>(
  batches: AsyncIterable<readonly WatchEvent<T>[]>,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  try {
    for await (const batch of batches)
      for (const event of batch) {
        if (signal.aborted) return;
        yield event;
      }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** `/api/v1/namespaces/default/pods/web-0/status`: with every part escaped. */
export function resourcePath(scope: ResourceScope, name?: string, subresource?: string): string {
  let path =
    scope.group === ""
      ? `/api/${encodeURIComponent(scope.version)}`
      : `/apis/${encodeURIComponent(scope.group)}/${encodeURIComponent(scope.version)}`;
  if (scope.namespace !== undefined && scope.namespace !== "") {
    path += `/namespaces/${encodeURIComponent(scope.namespace)}`;
  }
  path += `/${encodeURIComponent(scope.resource)}`;
  if (name !== undefined && name !== "") path += `/${encodeURIComponent(name)}`;
  if (subresource !== undefined) path += `/${subresource.split("/").map(encodeURIComponent).join("/")}`;
  return path;
}

function listParameters(query: ListQuery | WatchRequest = {}, watching = false): string {
  return parameters({
    labelSelector: query.labelSelector,
    fieldSelector: query.fieldSelector,
    resourceVersion: query.resourceVersion,
    resourceVersionMatch: query.resourceVersionMatch,
    limit: query.limit,
    continue: query.continue,
    ...(watching ? watchParameters(query as WatchRequest) : {}),
  });
}

function watchParameters(request: WatchRequest): Record<string, string | number | boolean | undefined> {
  return {
    watch: true,
    allowWatchBookmarks: request.allowWatchBookmarks,
    sendInitialEvents: request.sendInitialEvents,
    timeoutSeconds: request.timeoutSeconds,
  };
}

function parameters(values: Record<string, string | number | boolean | undefined>): string {
  let text = "";
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === "") continue;
    text += `${text === "" ? "?" : "&"}${name}=${encodeURIComponent(String(value))}`;
  }
  return text;
}

function managerName(userAgent: string): string {
  return userAgent.split("/", 1)[0] as string;
}

async function readBody(response: TransportResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body) {
    length += part.length;
    if (length > bodyBytesMax) throw new Error(`the server's answer is longer than ${bodyBytesMax} bytes`);
    parts.push(part);
  }
  return fromUtf8(parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(parts));
}

/** The Status of a failure; one that is not JSON is described as client-go does. */
function statusErrorOf(response: TransportResponse, text: string, method: string): StatusError {
  try {
    const status = parseJson(text) as unknown as Status | null;
    if (status !== null && typeof status === "object" && status.kind === "Status") {
      return new StatusError({ ...status, code: status.code ?? response.status });
    }
  } catch {
    // Not JSON: described below.
  }
  return new StatusError({
    status: "Failure",
    message: `the server answered ${method} with ${response.status}: ${text.slice(0, 1_000)}`,
    ...(response.status === 404 ? { reason: "NotFound" as const } : {}),
    code: response.status,
  });
}
