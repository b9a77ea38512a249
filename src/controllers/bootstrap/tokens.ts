import { type KubeObject, parseTime } from "../../apimachinery/index.ts";
import { secrets } from "../resources.ts";

/** Secrets that hold tokens with which new nodes join. */
export const bootstrapSecrets = {
  ...secrets,
  namespace: "kube-system",
  fieldSelector: "type=bootstrap.kubernetes.io/token",
};

export function dataOf(secret: KubeObject, key: string): string {
  return Buffer.from(secret["data"]?.[key] ?? "", "base64").toString();
}

/** Milliseconds that the token is still good for: none where its end cannot be read, infinite ones where it has none. */
export function timeLeftMs(secret: KubeObject, now: number): number {
  const expiration = dataOf(secret, "expiration");
  if (expiration === "") return Number.POSITIVE_INFINITY;
  return Math.max(0, (parseTime(expiration) ?? now) - now);
}
