import { errors, field, type KubeObject } from "../../apimachinery/index.ts";
import type { Access } from "../ports.ts";
import type { Review } from "../reviews/review-store.ts";

/** What may I do in this namespace? (`kubectl auth can-i --list`) */
export function selfSubjectRulesReview({ rulesFor }: Access): Review {
  return async (question, { user }, admit) => {
    const namespace: string = question["spec"]?.namespace ?? "";
    if (namespace === "") throw errors.badRequest("no namespace on request");
    await admit();
    const { rules, missing, incomplete } = rulesFor(user, namespace);
    const resourceRules = rules
      .filter(({ resources = [] }) => resources.length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        resourceNames,
      }));
    const nonResourceRules = rules
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs }));
    const problem = missing.length === 0 ? {} : { evaluationError: field.aggregateMessages(missing) };
    const { kind, apiVersion } = question;
    const status = { resourceRules, nonResourceRules, incomplete, ...problem };
    return { kind, apiVersion, metadata: {}, spec: {}, status } as KubeObject;
  };
}
