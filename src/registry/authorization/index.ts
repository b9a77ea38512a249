import type { ServedVersion } from "../strategies.ts";
import { localSubjectAccessReview, selfSubjectAccessReview, subjectAccessReview } from "./access-reviews.ts";
import { selfSubjectRulesReview } from "./rules-review.ts";

/** authorization.k8s.io/v1: questions about what somebody may do. */
export const authorizationV1: ServedVersion = {
  group: "authorization.k8s.io",
  version: "v1",
  resources: {},
  reviews: {
    localsubjectaccessreviews: ({ access }) => localSubjectAccessReview(access),
    selfsubjectaccessreviews: ({ access }) => selfSubjectAccessReview(access),
    selfsubjectrulesreviews: ({ access }) => selfSubjectRulesReview(access),
    subjectaccessreviews: ({ access }) => subjectAccessReview(access),
  },
};
