import { concernsPod } from "./pods.ts";
import type { AdmissionPlugin } from "./ports.ts";

interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly effect?: string;
  readonly tolerationSeconds?: number;
}

const tolerationSeconds = 300;
const taints = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/** A pod stays five minutes on a node that is not ready or not heard of, unless it says otherwise. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: "DefaultTolerationSeconds",
  mutate(request) {
    if (!concernsPod(request, { updates: true })) return;
    const spec = request.object?.["spec"];
    const present: readonly Toleration[] = spec.tolerations ?? [];
    const missing = taints.filter((taint) => !present.some((toleration) => tolerates(toleration, taint)));
    if (missing.length === 0) return;
    const added = missing.map((key) => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds }));
    spec.tolerations = [...present, ...added];
  },
};

function tolerates(toleration: Toleration, taint: string): boolean {
  const { key = "", effect = "" } = toleration;
  return (key === taint || key === "") && (effect === "NoExecute" || effect === "");
}
