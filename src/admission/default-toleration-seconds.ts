import { concernsPod } from "./pods.ts";
import type { AdmissionPlugin } from "./ports.ts";

interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly effect?: string;
  readonly tolerationSeconds?: number;
}

/** `--default-not-ready-toleration-seconds` and `--default-unreachable-toleration-seconds` */
export interface TolerationSeconds {
  readonly notReady: number;
  readonly unreachable: number;
}

const fiveMinutes: TolerationSeconds = { notReady: 300, unreachable: 300 };

/** A pod stays for a while on a node that is not ready or not heard of, unless it says otherwise. */
export const defaultTolerationSeconds = ({
  notReady,
  unreachable,
}: TolerationSeconds = fiveMinutes): AdmissionPlugin => ({
  name: "DefaultTolerationSeconds",
  mutate(request) {
    if (!concernsPod(request, { updates: true })) return;
    const spec = request.object?.["spec"];
    const present: readonly Toleration[] = spec.tolerations ?? [];
    const taints = {
      "node.kubernetes.io/not-ready": notReady,
      "node.kubernetes.io/unreachable": unreachable,
    };
    const missing = Object.entries(taints).filter(
      ([taint]) => !present.some((toleration) => tolerates(toleration, taint)),
    );
    if (missing.length === 0) return;
    const added = missing.map(([key, tolerationSeconds]) => ({
      key,
      operator: "Exists",
      effect: "NoExecute",
      tolerationSeconds,
    }));
    spec.tolerations = [...present, ...added];
  },
});

function tolerates(toleration: Toleration, taint: string): boolean {
  const { key = "", effect = "" } = toleration;
  return (key === taint || key === "") && (effect === "NoExecute" || effect === "");
}
