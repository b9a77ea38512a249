/**
 * The ConfigMap `kube-system/kube-apiserver-legacy-service-account-token-tracking`: since when this server would have noticed the use of a token
 * that lies in a Secret. The controller that removes those nobody uses (legacy-service-account-token-cleaner) waits for it.
 */
import { formatTime } from "../../apimachinery/index.ts";
import { createMissing, type EnsureOptions, ensure } from "../start-objects/ensure.ts";

const configMaps = { group: "", version: "v1", resource: "configmaps", namespace: "kube-system" };

/** Tries until it is there or the signal fires. */
export function ensureLegacyTokenTracking(options: EnsureOptions): Promise<void> {
  const { client, clock } = options;
  return ensure(options, "the tracking of tokens in Secrets is", async () => {
    const since = formatTime(clock.now()).slice(0, "2026-01-01".length);
    const name = "kube-apiserver-legacy-service-account-token-tracking";
    await createMissing(client, configMaps, [{ metadata: { name }, data: { since } }]);
  });
}
