import type { GroupVersionResource, KubeList, KubeObject, WatchEvent } from "../apimachinery/index.ts";

/** Which objects: of one resource, in a namespace or in all. */
export interface ResourceScope extends GroupVersionResource {
  readonly namespace?: string;
}

export interface ListQuery {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "NotOlderThan" | "Exact";
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchRequest extends ListQuery {
  readonly allowWatchBookmarks?: boolean;
  /** A streaming list: the state as ADDED events first, closed by a bookmark (needs resourceVersionMatch NotOlderThan). */
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
  readonly signal: AbortSignal;
}

export type PatchType = "json" | "merge" | "strategic" | "apply";

/**
 * The resource API as controllers and commands see it: over HTTPS (undici) or in process, without a difference. A failed request
 * throws apimachinery's `StatusError`, with the same Status over both.
 */
export interface Client {
  get<T extends KubeObject = KubeObject>(
    scope: ResourceScope,
    name: string,
    subresource?: string,
  ): Promise<T>;
  list<T extends KubeObject = KubeObject>(scope: ResourceScope, query?: ListQuery): Promise<KubeList<T>>;
  /** Ends when the server ends the stream or the signal fires. */
  watch<T extends KubeObject = KubeObject>(
    scope: ResourceScope,
    request: WatchRequest,
  ): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(
    scope: ResourceScope,
    object: T,
    subresource?: { name: string; subresource: string },
  ): Promise<T>;
  update<T extends KubeObject>(scope: ResourceScope, object: T, subresource?: string): Promise<T>;
  patch<T extends KubeObject = KubeObject>(
    scope: ResourceScope,
    name: string,
    patch: { type: PatchType; body: unknown; subresource?: string; fieldManager?: string; force?: boolean },
  ): Promise<T>;
  delete(
    scope: ResourceScope,
    name: string,
    options?: {
      propagationPolicy?: "Orphan" | "Background" | "Foreground";
      gracePeriodSeconds?: number;
      preconditions?: { uid?: string; resourceVersion?: string };
    },
  ): Promise<KubeObject>;
  /** Any other path: discovery, openapi, health. `accept` is JSON or anything by default. */
  raw(request: {
    method: string;
    path: string;
    body?: unknown;
    accept?: string;
  }): Promise<{ status: number; body: string }>;
}

/** Carries one request; what a Client is built on. The in-process one calls the API server's onion without a socket. */
export interface Transport {
  request(request: TransportRequest): Promise<TransportResponse>;
}

export interface TransportRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Headers that stand several times, each value by itself; over the wire only. */
  readonly repeatedHeaders?: Readonly<Record<string, readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** A watch may be answered with `events`. */
  readonly takesEvents?: boolean;
  readonly signal?: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** What a watch of this process has in place of bytes. Its objects are shared: never change one. */
  readonly events?: AsyncIterable<readonly WatchEvent[]>;
}
