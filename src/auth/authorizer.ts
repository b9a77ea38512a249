import type { UserInfo } from "../apimachinery/index.ts";

/** What somebody wants to do: k8s.io/apiserver/pkg/authorization/authorizer.Attributes. */
interface AccessRequest {
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
}

export interface Authorizer {
  /** `reason` is told to the client after a refusal; "" for nothing to add. */
  authorize(request: AccessRequest): { readonly allowed: boolean; readonly reason: string };
}

const allowed = { allowed: true, reason: "" };
const denied = { allowed: false, reason: "" };

/** Paths for everybody (role system:public-info-viewer) and, of these and more, for everybody known (system:discovery). */
const publicPaths = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
const discoveryPaths = [...publicPaths, "/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];

/**
 * The rules that hold on every server: the group system:masters may do everything; everybody known may read discovery; health and
 * version are public. Nobody else may do anything.
 */
export function createAuthorizer(): Authorizer {
  return {
    authorize({ user, verb, resource, path }) {
      if (user.groups.includes("system:masters")) return allowed;
      if (resource !== undefined || verb !== "get") return denied;
      const paths = user.groups.includes("system:authenticated") ? discoveryPaths : publicPaths;
      return paths.some((pattern) => matchesPath(pattern, path)) ? allowed : denied;
    },
  };
}

function matchesPath(pattern: string, path: string): boolean {
  return pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}
