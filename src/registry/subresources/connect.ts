import type { SubresourceInfo } from "../../schema/index.ts";
import { DerivedHandler } from "../derived-handler.ts";
import type { ResourceHandler, Verb } from "../ports.ts";
import type { GenericStore } from "../store.ts";
import type { UpdateRules } from "../strategy.ts";

/** Subresources of the core group that carry bytes to a pod or node instead of objects. */
const connecting: ReadonlySet<string> = new Set(["log", "exec", "attach", "portforward", "proxy"]);

export const isConnecting = (group: string, subresource: string): boolean =>
  group === "" && connecting.has(subresource);

/** Such a subresource, for discovery and for finding it: what it carries is the API server's affair. */
export class ConnectSubresource extends DerivedHandler implements ResourceHandler {
  readonly rules: UpdateRules = {};
  readonly connects = true;

  constructor(parent: GenericStore, info: SubresourceInfo) {
    super(parent, { subresource: info.name, kind: info.kind, verbs: info.verbs as readonly Verb[] });
  }
}
