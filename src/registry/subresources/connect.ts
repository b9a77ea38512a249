import type { GroupVersionKind, GroupVersionResource } from "../../apimachinery/index.ts";
import type { KindForm, ResourceInfo, SubresourceInfo } from "../../schema/index.ts";
import type { ResourceHandler, Verb } from "../ports.ts";
import type { GenericStore } from "../store.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";

/** Subresources of the core group that carry bytes to a pod or node instead of objects. */
const connecting: ReadonlySet<string> = new Set(["log", "exec", "attach", "portforward", "proxy"]);

export const isConnecting = (group: string, subresource: string): boolean =>
  group === "" && connecting.has(subresource);

/** Such a subresource, for discovery and for finding it: what it carries is the API server's affair. */
export class ConnectSubresource implements ResourceHandler {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource: string;
  readonly kind: GroupVersionKind;
  readonly form: KindForm;
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  readonly strategy: Strategy;
  readonly rules: UpdateRules = {};
  readonly connects = true;

  constructor(parent: GenericStore, info: SubresourceInfo) {
    this.resource = parent.resource;
    this.info = parent.info;
    this.subresource = info.name;
    this.kind = info.kind;
    this.form = parent.form;
    this.namespaced = parent.namespaced;
    this.verbs = info.verbs as readonly Verb[];
    this.strategy = parent.strategy;
  }
}
