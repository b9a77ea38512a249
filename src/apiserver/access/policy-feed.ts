import type { RbacKind, RbacPolicy } from "../../auth/index.ts";
import { type FeedDeps, ObjectFeed } from "../object-feed.ts";

const resources: Readonly<Record<RbacKind, string>> = {
  Role: "roles",
  ClusterRole: "clusterroles",
  RoleBinding: "rolebindings",
  ClusterRoleBinding: "clusterrolebindings",
};

/** Keeps a policy as the watch caches say. */
export interface PolicyFeed {
  /** The policy knows all there is. Stays open when the feed is closed before. */
  readonly synced: Promise<void>;
  close(): void;
}

export function feedPolicy(policy: RbacPolicy, deps: FeedDeps): PolicyFeed {
  const feeds = (Object.keys(resources) as RbacKind[]).map((kind) => {
    const resource = { group: "rbac.authorization.k8s.io", version: "v1", resource: resources[kind] };
    const sink = {
      replace: (objects: Parameters<RbacPolicy["replace"]>[1]) => policy.replace(kind, objects),
      set: (object: Parameters<RbacPolicy["set"]>[1]) => policy.set(kind, object),
      delete: (object: Parameters<RbacPolicy["delete"]>[1]) => policy.delete(kind, object),
    };
    return new ObjectFeed(resource, sink, deps);
  });
  return {
    synced: Promise.all(feeds.map(({ synced }) => synced)).then(() => {}),
    close: () => {
      for (const feed of feeds) feed.close();
    },
  };
}
