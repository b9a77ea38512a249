import type { IncomingHttpHeaders } from "node:http";
import { errors, type UserInfo } from "../../apimachinery/index.ts";
import type { Authorizer } from "../../auth/index.ts";
import type { Layer } from "../state.ts";

/** Acting as somebody else (`kubectl --as`): allowed to those who may `impersonate` the user and each of the groups. */
export function impersonate(authorizer: Authorizer): Layer {
  return async (context, next) => {
    const { headers } = context.req;
    const wanted = wantedUser(headers);
    if (wanted !== undefined) {
      const { user } = context.state;
      const checks = [
        { resource: "users", name: wanted.name },
        ...wanted.groups.map((name) => ({ resource: "groups", name })),
      ];
      for (const check of checks) {
        const resource = { group: "", subresource: "", namespace: "", ...check };
        const { allowed } = authorizer.authorize({
          user,
          verb: "impersonate",
          resource,
          path: context.state.info.path,
        });
        if (allowed) continue;
        context.state.refusedByAuthorizer = true;
        throw errors.forbidden(
          { group: "", resource: check.resource },
          check.name,
          `User ${JSON.stringify(user.name)} cannot impersonate resource ${JSON.stringify(check.resource)} in API group "" at the cluster scope`,
        );
      }
      context.state.user = withSystemGroups(wanted);
    }
    await next();
  };
}

/** @throws StatusError BadRequest: groups, a uid or extras without a user */
function wantedUser(headers: IncomingHttpHeaders): UserInfo | undefined {
  const name = single(headers["impersonate-user"]);
  const groups = several(headers["impersonate-group"]);
  const uid = single(headers["impersonate-uid"]);
  if (name === "") {
    const parts = groups.map((group) => `{Group  ${group}    }`);
    if (uid !== "") parts.push(`{UID  ${uid}    }`);
    if (parts.length > 0)
      throw errors.badRequest(`requested [${parts.join(" ")}] without impersonating a user`);
    return undefined;
  }
  return { name, groups, ...(uid === "" ? {} : { uid }) };
}

/** Everybody but the anonymous user is authenticated, whoever they are said to be. */
function withSystemGroups(user: UserInfo): UserInfo {
  const implied = user.name === "system:anonymous" ? "system:unauthenticated" : "system:authenticated";
  return user.groups.includes(implied) ? user : { ...user, groups: [...user.groups, implied] };
}

const single = (value: string | string[] | undefined): string =>
  Array.isArray(value) ? (value[0] ?? "") : (value ?? "");

function several(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : value.split(","))
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
