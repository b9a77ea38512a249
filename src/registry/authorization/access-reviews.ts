import { errors, type FieldError, field, type KubeObject, type UserInfo } from "../../apimachinery/index.ts";
import type { AccessRequest } from "../../auth/index.ts";
import type { Access } from "../ports.ts";
import type { Review } from "../reviews/review-store.ts";
import { ignoredSelectors, type SelectorsAsked, selectorProblems } from "./selector-attributes.ts";

/** authorization.k8s.io/v1: may somebody do something? k8s.io/kubernetes/pkg/registry/authorization. */

interface AccessReview extends KubeObject {
  spec: AccessReviewSpec;
}

interface AccessReviewSpec {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

interface ResourceAttributes extends SelectorsAsked {
  readonly namespace?: string;
  readonly verb?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly name?: string;
}

/** May I? (`kubectl auth can-i`) */
export function selfSubjectAccessReview({ authorizer }: Access): Review {
  return async (question, { user }, admit) => {
    const review = question as AccessReview;
    refuse([...attributesProblems(review.spec), ...metadataProblems(review, "must be empty")]);
    await admit();
    return await answered(review, authorizer, user);
  };
}

/** May that user? */
export function subjectAccessReview({ authorizer }: Access): Review {
  return async (question, _context, admit) => {
    const review = question as AccessReview;
    refuse([...specProblems(review.spec), ...metadataProblems(review, "must be empty")]);
    await admit();
    return await answered(review, authorizer, userOf(review.spec));
  };
}

/** May that user, in this namespace? For those who may ask about one namespace only. */
export function localSubjectAccessReview({ authorizer }: Access): Review {
  return async (question, { namespace }, admit) => {
    const review = question as AccessReview;
    const { resourceAttributes, nonResourceAttributes } = review.spec;
    const problems = [
      ...specProblems(review.spec),
      ...metadataProblems(review, "must be empty except for namespace"),
    ];
    const asked = resourceAttributes?.namespace ?? "";
    if (resourceAttributes !== undefined && asked !== namespace)
      problems.push(
        field.invalid("spec.resourceAttributes.namespace", asked, "must match metadata.namespace"),
      );
    if (nonResourceAttributes !== undefined) {
      const shown = shownAttributes(nonResourceAttributes);
      problems.push(field.invalid("spec.nonResourceAttributes", shown, "disallowed on this kind of request"));
    }
    refuse(problems);
    await admit();
    return await answered(review, authorizer, userOf(review.spec));
  };
}

/** Upstream looks the kind up where it is not set any more. */
function refuse(problems: readonly FieldError[]): void {
  if (problems.length > 0) throw errors.invalid({ group: "authorization.k8s.io", kind: "" }, "", problems);
}

/** As upstream prints its internal form. */
const shownAttributes = ({ path = "", verb = "" }: { path?: string; verb?: string }) => ({
  Path: path,
  Verb: verb,
});

function specProblems(spec: AccessReviewSpec): FieldError[] {
  const { user = "", groups = [] } = spec;
  const problems = attributesProblems(spec);
  if (user !== "" || groups.length > 0) return problems;
  const nobody = field.invalid("spec.user", user, "at least one of user or group must be specified");
  return [
    ...problems.filter(({ field: at }) => !at.includes("Selector")),
    nobody,
    ...problems.filter(({ field: at }) => at.includes("Selector")),
  ];
}

function attributesProblems({ resourceAttributes, nonResourceAttributes }: AccessReviewSpec): FieldError[] {
  const problems: FieldError[] = [];
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const rule = "cannot be specified in combination with resourceAttributes";
    problems.push(field.invalid("spec.nonResourceAttributes", shownAttributes(nonResourceAttributes), rule));
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    const rule = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    problems.push(field.invalid("spec.resourceAttributes", null, rule));
  }
  return [...problems, ...selectorProblems(resourceAttributes ?? {})];
}

/** A question has no name: who sets one means something else. */
function metadataProblems({ metadata }: AccessReview, rule: string): FieldError[] {
  const { managedFields: _, namespace: __, ...rest } = metadata;
  const holdsNothing = (value: unknown): boolean =>
    typeof value === "object" && value !== null && Object.keys(value).length === 0;
  if (Object.values(rest).every(holdsNothing)) return [];
  return [field.invalid("metadata", metadata, rule)];
}

function userOf({ user = "", groups = [], uid = "", extra = {} }: AccessReviewSpec): UserInfo {
  return { name: user, groups, ...(uid === "" ? {} : { uid }), extra };
}

async function answered(
  review: AccessReview,
  authorizer: Access["authorizer"],
  user: UserInfo,
): Promise<KubeObject> {
  const { allowed, denied, reason, error } = await authorizer.authorize(requestOf(review.spec, user));
  const unread = ignoredSelectors(review.spec.resourceAttributes ?? {});
  const evaluationError = [error, unread].filter((text) => text !== undefined).join("; ");
  return {
    ...review,
    status: {
      allowed,
      ...(denied === true ? { denied } : {}),
      ...(reason === "" ? {} : { reason }),
      ...(evaluationError === "" ? {} : { evaluationError }),
    },
  };
}

function requestOf(
  { resourceAttributes, nonResourceAttributes }: AccessReviewSpec,
  user: UserInfo,
): AccessRequest {
  if (resourceAttributes === undefined) {
    const { path = "", verb = "" } = nonResourceAttributes ?? {};
    return { user, verb, path };
  }
  const {
    verb = "",
    group = "",
    version = "",
    resource = "",
    subresource = "",
    namespace = "",
    name = "",
  } = resourceAttributes;
  const target = { group, resource, subresource, namespace, name };
  return {
    user,
    verb,
    path: "",
    version,
    resource: target,
    fieldSelector: fieldSelectorText(resourceAttributes),
  };
}

/** What asks for one value of a field; other requirements only narrow what is asked for. */
function fieldSelectorText({ fieldSelector }: ResourceAttributes): string {
  const { rawSelector = "", requirements = [] } = fieldSelector ?? {};
  const single = requirements.filter(({ operator, values = [] }) => operator === "In" && values.length === 1);
  return rawSelector || single.map(({ key, values = [] }) => `${key}=${values[0]}`).join(",");
}
