import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { errors, type UserInfo } from "../../apimachinery/index.ts";
import {
  type AccessRequest,
  type Authorizer,
  extrasOf,
  parseServiceAccountUserName,
  serviceAccountGroups,
} from "../../auth/index.ts";
import { headerLines } from "../header-lines.ts";
import type { Layer } from "../state.ts";
import { accessRefused } from "./refusal.ts";

/**
 * Acting as somebody else (`kubectl --as`): allowed to those who may `impersonate` the user and, each by itself, the groups, the uid
 * and the extras asked for.
 */
export function impersonate(authorizer: Authorizer): Layer {
  const impersonating: Layer = async (context, next) => {
    const { state } = context;
    const { wanted, problem } = wantedUser(context.req);
    if (problem !== undefined) {
      state.refusedByAuthorizer = true;
      throw errors.badRequest(problem);
    }
    if (wanted !== undefined) {
      for (const resource of permissionsFor(wanted)) {
        const request = { user: state.user, verb: "impersonate", resource, path: state.info.path };
        const { allowed, reason } = await authorizer.authorize(request);
        if (allowed) continue;
        state.refusedByAuthorizer = true;
        throw accessRefused(request, reason);
      }
      state.user = withImpliedGroups(wanted);
      state.audit?.actsAs(state.user);
    }
    await next(context);
  };
  return (context, next) =>
    asksForSomebody(context.req.headers) ? impersonating(context, next) : next(context);
}

function asksForSomebody(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) if (name.startsWith("impersonate-")) return true;
  return false;
}

const extraPrefix = "impersonate-extra-";
const authenticationGroup = "authentication.k8s.io";

interface WantedUser {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid: string;
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** A problem: groups, a uid or extras without a user. */
function wantedUser(request: IncomingMessage): { wanted?: WantedUser; problem?: string } {
  const lines = headerLines(request);
  const [name = ""] = lines.get("impersonate-user") ?? [];
  const groups = lines.get("impersonate-group") ?? [];
  const [uid = ""] = lines.get("impersonate-uid") ?? [];
  const extra = extrasOf(lines, [extraPrefix]);
  if (name !== "") return { wanted: { name, groups, uid, extra } };
  // Upstream prints its references: kind, namespace, name, uid, API version, resourceVersion, field path.
  const parts = groups.map((group) => `{Group  ${group}    }`);
  for (const [key, values] of Object.entries(extra))
    for (const value of values) parts.push(`{UserExtra  ${value}  ${authenticationGroup}/v1  ${key}}`);
  if (uid !== "") parts.push(`{UID  ${uid}  ${authenticationGroup}/v1  }`);
  if (parts.length === 0) return {};
  return { problem: `requested [${parts.join(" ")}] without impersonating a user` };
}

/** What the requester must be allowed to `impersonate`, in upstream's order. */
function permissionsFor({ name, groups, uid, extra }: WantedUser): NonNullable<AccessRequest["resource"]>[] {
  const cluster = { group: "", subresource: "", namespace: "" };
  const account = parseServiceAccountUserName(name);
  const ofAuthentication = { ...cluster, group: authenticationGroup };
  return [
    account === undefined
      ? { ...cluster, resource: "users", name }
      : { ...cluster, resource: "serviceaccounts", ...account },
    ...groups.map((group) => ({ ...cluster, resource: "groups", name: group })),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...ofAuthentication, resource: "userextras", subresource: key, name: value })),
    ),
    ...(uid === "" ? [] : [{ ...ofAuthentication, resource: "uids", name: uid }]),
  ];
}

/** Everybody but the anonymous user is authenticated, and a ServiceAccount has its fixed groups, unless groups say otherwise. */
function withImpliedGroups({ name, groups: asked, uid, extra }: WantedUser): UserInfo {
  const account = parseServiceAccountUserName(name);
  const groups =
    account !== undefined && asked.length === 0 ? serviceAccountGroups(account.namespace) : [...asked];
  if (name === "system:anonymous") {
    if (!groups.includes("system:unauthenticated")) groups.push("system:unauthenticated");
  } else if (!groups.includes("system:authenticated") && !groups.includes("system:unauthenticated")) {
    groups.push("system:authenticated");
  }
  return {
    name,
    groups,
    ...(uid === "" ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
