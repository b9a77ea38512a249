import type { UserInfo } from "../../apimachinery/index.ts";

const userPrefix = "system:node:";
const nodesGroup = "system:nodes";

/** The node that a user is; undefined for others. k8s.io/kubernetes/pkg/auth/nodeidentifier. */
export function nodeOf({ name, groups }: UserInfo): string | undefined {
  return name.startsWith(userPrefix) && groups.includes(nodesGroup)
    ? name.slice(userPrefix.length)
    : undefined;
}
