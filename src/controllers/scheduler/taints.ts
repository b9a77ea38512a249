import type { KubeObject } from "../../apimachinery/index.ts";
import type { Taint } from "../node-lifecycle/taints.ts";

/** v1 Toleration */
export interface Toleration {
  key?: string;
  operator?: "Exists" | "Equal";
  value?: string;
  effect?: Taint["effect"];
  tolerationSeconds?: number;
}

/** None of the node's taints keeps pods with these tolerations away. */
export function toleratesNode(tolerations: readonly Toleration[], node: KubeObject): boolean {
  return ((node.spec?.taints ?? []) as Taint[]).every(
    (taint) =>
      taint.effect === "PreferNoSchedule" || tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

/** No key with Exists tolerates every taint; no effect, every effect. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if ((toleration.effect ?? "") !== "" && toleration.effect !== taint.effect) return false;
  if ((toleration.key ?? "") !== "" && toleration.key !== taint.key) return false;
  if (toleration.operator === "Exists") return true;
  return (toleration.key ?? "") !== "" && (toleration.value ?? "") === (taint.value ?? "");
}
