import type { KubeObject } from "../../apimachinery/index.ts";
import { type FeedDeps, ObjectFeed } from "../object-feed.ts";

/**
 * Pods by the node that they are assigned to. Nothing is watched before the first node asks: a cluster whose nodes are part of this program
 * never pays for it.
 */
export class NodePods {
  readonly #deps: FeedDeps;
  readonly #byNode = new Map<string, Map<string, KubeObject>>();
  #feed: ObjectFeed | undefined;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
  }

  async on(node: string): Promise<Iterable<KubeObject>> {
    this.#feed ??= new ObjectFeed(
      { group: "", version: "v1", resource: "pods" },
      {
        replace: (pods) => {
          this.#byNode.clear();
          for (const pod of pods) this.#set(pod);
        },
        set: (pod) => this.#set(pod),
        delete: (pod) => this.#byNode.get(nodeNameOf(pod))?.delete(keyOf(pod)),
      },
      this.#deps,
    );
    await this.#feed.synced;
    return this.#byNode.get(node)?.values() ?? [];
  }

  close(): void {
    this.#feed?.close();
  }

  /** A pod is assigned once and stays where it is. */
  #set(pod: KubeObject): void {
    const node = nodeNameOf(pod);
    if (node === "") return;
    const pods = this.#byNode.get(node);
    if (pods === undefined) this.#byNode.set(node, new Map([[keyOf(pod), pod]]));
    else pods.set(keyOf(pod), pod);
  }
}

const nodeNameOf = (pod: KubeObject): string => pod["spec"]?.nodeName ?? "";
const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`;
