import { errors, formatTime, type KubeObject, type UserInfo } from "../../apimachinery/index.ts";
import type { Access } from "../ports.ts";
import type { Review } from "../reviews/review-store.ts";

/** authentication.k8s.io/v1: who is that? k8s.io/kubernetes/pkg/registry/authentication. */

/** Who am I? (`kubectl auth whoami`) */
export const selfSubjectReview: Review = async ({ kind, apiVersion }, { user, now }, admit) => {
  await admit();
  const metadata = { creationTimestamp: formatTime(now) };
  return { kind, apiVersion, metadata, status: { userInfo: shownUser(user) } } as KubeObject;
};

/** Whose token is this, and is it good for these audiences? */
export function tokenReview({ authenticator, issuer }: Access): Review {
  return async (question, _context, admit) => {
    const { token = "", audiences = [] } = question["spec"] ?? {};
    if (token === "") throw errors.badRequest("token is required for TokenReview in authentication");
    await admit();
    const { verdict, error } = await authenticator.review(
      token,
      audiences.length === 0 ? issuer.audiences : audiences,
    );
    const status =
      verdict === undefined
        ? { user: {}, error }
        : { authenticated: true, user: shownUser(verdict.user), audiences: verdict.audiences };
    return { ...question, status };
  };
}

function shownUser({ name, uid, groups, extra = {} }: UserInfo): object {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
