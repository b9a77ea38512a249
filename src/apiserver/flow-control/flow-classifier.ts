import type { KubeObject, UserInfo } from "../../apimachinery/index.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../../registry/index.ts";
import { type FeedDeps, ObjectFeed, type ObjectSink } from "../object-feed.ts";
import type { RequestInfo } from "../request-info.ts";
import { compileRules } from "./flow-matcher.ts";

/** Names the FlowSchema and the priority level of a request by uid, for names tell more than everybody should know. */
export type FlowHeaders = Readonly<
  Record<"x-kubernetes-pf-flowschema-uid" | "x-kubernetes-pf-prioritylevel-uid", string>
>;

interface Flow {
  readonly matches: (user: UserInfo, info: RequestInfo) => boolean;
  readonly headers: FlowHeaders;
}

const group = { group: "flowcontrol.apiserver.k8s.io", version: "v1" };

/**
 * Says which FlowSchema a request belongs to: of those whose priority level exists, the first that matches, by precedence and then by
 * name. Compiled anew with the first request after a change.
 */
export class FlowClassifier {
  readonly #schemas = new Map<string, FlowSchema>();
  readonly #levels = new Map<string, PriorityLevelConfiguration>();
  readonly #feeds: readonly ObjectFeed[];
  #flows: readonly Flow[] | undefined;

  constructor(deps: FeedDeps) {
    const feed = (resource: string, kept: Map<string, KubeObject>) =>
      new ObjectFeed({ ...group, resource }, this.#sink(kept), deps);
    this.#feeds = [
      feed("flowschemas", this.#schemas as Map<string, KubeObject>),
      feed("prioritylevelconfigurations", this.#levels as Map<string, KubeObject>),
    ];
  }

  /** undefined until FlowSchemas are known: then one of them matches everything. */
  classify(user: UserInfo, info: RequestInfo): FlowHeaders | undefined {
    this.#flows ??= this.#compile();
    for (const { matches, headers } of this.#flows) if (matches(user, info)) return headers;
    return undefined;
  }

  /** What the shares of each priority level come to, of as many requests as are answered at once; of any number nothing. */
  nominalSeats(atOnce: number): [level: string, seats: number][] {
    if (!Number.isFinite(atOnce)) return [];
    const shares = [...this.#levels].map(([name, { spec }]): [string, number] => [
      name,
      (spec.limited ?? spec.exempt)?.nominalConcurrencyShares ?? 0,
    ]);
    const all = shares.reduce((sum, [, each]) => sum + each, 0);
    return shares.map(([name, each]) => [name, all === 0 ? 0 : Math.ceil((atOnce * each) / all)]);
  }

  close(): void {
    for (const feed of this.#feeds) feed.close();
  }

  #sink(kept: Map<string, KubeObject>): ObjectSink {
    const changed = () => {
      this.#flows = undefined;
    };
    return {
      replace: (objects) => {
        kept.clear();
        for (const object of objects) kept.set(object.metadata.name ?? "", object);
        changed();
      },
      set: (object) => {
        kept.set(object.metadata.name ?? "", object);
        changed();
      },
      delete: (object) => {
        kept.delete(object.metadata.name ?? "");
        changed();
      },
    };
  }

  #compile(): Flow[] {
    const schemas = [...this.#schemas.values()].sort(
      (a, b) =>
        (a.spec.matchingPrecedence ?? 0) - (b.spec.matchingPrecedence ?? 0) ||
        ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1),
    );
    return schemas.flatMap(({ metadata, spec }) => {
      const level = this.#levels.get(spec.priorityLevelConfiguration?.name ?? "");
      if (level === undefined) return [];
      const headers = {
        "x-kubernetes-pf-flowschema-uid": metadata.uid ?? "",
        "x-kubernetes-pf-prioritylevel-uid": level.metadata.uid ?? "",
      };
      return [{ matches: compileRules(spec.rules ?? []), headers }];
    });
  }
}
