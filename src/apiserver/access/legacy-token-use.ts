import { errors, type KubeObject, StatusError } from "../../apimachinery/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { ServerLog } from "../log.ts";
import { writeAsServer } from "../write-as-server.ts";

const lastUsedLabel = "kubernetes.io/legacy-token-last-used";
const dayMs = 24 * 60 * 60_000;
const secrets = { group: "", version: "v1", resource: "secrets" };

const dateText = (ms: number): string => new Date(ms).toISOString().slice(0, "2026-01-31".length);

/** Says on a Secret, once a day, that somebody uses the token in it: what nobody uses is cleaned up after a year. */
export async function noteTokenUse(
  registry: Registry,
  { metadata }: KubeObject,
  { log, now }: { readonly log: ServerLog; readonly now: number },
): Promise<void> {
  const today = dateText(now);
  const lastUsed = metadata.labels?.[lastUsedLabel];
  // Another server's clock may be ahead.
  if (lastUsed === today || lastUsed === dateText(now + dayMs)) return;
  const { namespace = "", name = "", uid } = metadata;
  try {
    await writeAsServer(registry, { ...secrets, namespace, name, now }, (current) => {
      if (current === undefined || current.metadata.uid !== uid) throw errors.notFound(secrets, name);
      const labels = { ...current.metadata.labels, [lastUsedLabel]: today };
      return { ...current, metadata: { ...current.metadata, labels } };
    });
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    log.error("the use of a token is not noted", { secret: name, error: error.message });
  }
}
