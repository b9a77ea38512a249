import type { GroupVersionResource, KubeObject } from "../../apimachinery/index.ts";
import { formOfKind, type KindForm, type ResourceInfo } from "../../schema/index.ts";
import type { RequestContext } from "../context.ts";
import type { CreateOptions, ResourceHandler, Validate, Verb } from "../ports.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";

/**
 * Answers a question that was posted as an object. `admit` is validating admission, to be called once the question has proved to be
 * one. @throws StatusError
 */
export type Review = (
  question: KubeObject,
  context: RequestContext,
  admit: () => Promise<void>,
) => Promise<KubeObject>;

/** A resource of which nothing is stored: an object is posted and answered with what was asked for filled in. */
export class ReviewStore implements ResourceHandler {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource = "";
  readonly form: KindForm;
  readonly kind: KindForm["kind"];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[] = ["create"];
  readonly strategy: Strategy;
  readonly rules: UpdateRules = {};
  readonly #review: Review;

  constructor(info: ResourceInfo, review: Review) {
    const { group, version, resource, kind, namespaced } = info;
    this.resource = { group, version, resource };
    this.info = info;
    this.form = formOfKind({ group, version, kind });
    this.kind = this.form.kind;
    this.namespaced = namespaced;
    this.strategy = { namespaced };
    this.#review = review;
  }

  async createNamed(
    _name: string,
    question: KubeObject,
    context: RequestContext,
    { validate }: CreateOptions,
  ): Promise<KubeObject> {
    const answer = await this.#review(question, context, () => admitted(question, validate));
    return this.form.canonicalize(answer);
  }
}

async function admitted(question: KubeObject, validate: Validate | undefined): Promise<void> {
  await validate?.(question, undefined);
}
