import type { UserInfo } from "../apimachinery/index.ts";

/** What somebody wants to do: k8s.io/apiserver/pkg/authorization/authorizer.Attributes. */
export interface AccessRequest {
  readonly user: UserInfo;
  /** get, list, watch, create, update, patch, delete, deletecollection; for other paths the method in lower case. */
  readonly verb: string;
  /** Undefined for a path that is no resource. */
  readonly resource?: {
    readonly group: string;
    readonly resource: string;
    readonly subresource: string;
    readonly namespace: string;
    readonly name: string;
  };
  readonly path: string;
  /** Of the API that the resource was asked for in; only who is asked elsewhere is told. */
  readonly version?: string;
  /** Of a list or watch, as it was sent; only the node authorizer looks at it. */
  readonly fieldSelector?: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** Told to the client after a refusal, and by reviews; "" for nothing to add. */
  readonly reason: string;
  /** Refused for good: nobody else is asked. */
  readonly denied?: boolean;
  /** Why somebody who should have said could not: what is not allowed then is a failure, rather than refused. */
  readonly error?: string;
}

export interface Authorizer {
  /** A promise only where something has to be looked up first (a node's first requests): callers may await always. */
  authorize(request: AccessRequest): Decision | Promise<Decision>;
}

/** May do everything, whatever the roles say: a cluster whose roles are broken can be repaired. */
export const mastersGroup = "system:masters";
