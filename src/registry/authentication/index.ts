import type { ServedVersion } from "../strategies.ts";
import { selfSubjectReview, tokenReview } from "./reviews.ts";

/** authentication.k8s.io/v1: questions about who somebody is. */
export const authenticationV1: ServedVersion = {
  group: "authentication.k8s.io",
  version: "v1",
  resources: {},
  reviews: {
    selfsubjectreviews: () => selfSubjectReview,
    tokenreviews: ({ access }) => tokenReview(access),
  },
};
