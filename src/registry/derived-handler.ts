import type { GroupVersionKind, GroupVersionResource } from "../apimachinery/index.ts";
import type { KindForm, ResourceInfo } from "../schema/index.ts";
import type { ResourceHandler, Verb } from "./ports.ts";
import type { Strategy } from "./strategy.ts";

/** What is different from the parent. */
type Own = Partial<Pick<ResourceHandler, "subresource" | "kind" | "form" | "verbs" | "strategy">>;

/** An endpoint over another one's objects (a subresource, or another form of the same): what it does not say itself is as there. */
export class DerivedHandler {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource: string;
  readonly kind: GroupVersionKind;
  readonly form: KindForm;
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  readonly strategy: Strategy;

  constructor(parent: ResourceHandler, own: Own) {
    this.resource = parent.resource;
    this.info = parent.info;
    this.subresource = own.subresource ?? parent.subresource;
    this.form = own.form ?? parent.form;
    this.kind = own.kind ?? own.form?.kind ?? parent.kind;
    this.namespaced = parent.namespaced;
    this.verbs = own.verbs ?? parent.verbs;
    this.strategy = own.strategy ?? parent.strategy;
  }
}
