import { type KubeObject, parseTime } from "../../apimachinery/index.ts";
import { podReferences } from "../../auth/index.ts";
import { errorText } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { aborted } from "../lifecycle.ts";
import { isConflict, isNotFound } from "../owners.ts";
import { configMaps, inNamespace, isTerminating, pods, secrets, serviceAccounts } from "../resources.ts";

const dayMs = 24 * 60 * 60_000;
const intervalMs = dayMs;
/** kube-controller-manager's --legacy-service-account-token-clean-up-period. Milliseconds. */
const unusedMs = 365 * dayMs;
const tracking = "kube-apiserver-legacy-service-account-token-tracking";
const lastUsedLabel = "kubernetes.io/legacy-token-last-used";
const invalidSinceLabel = "kubernetes.io/legacy-token-invalid-since";

/**
 * Tokens that were once made for ServiceAccounts without being asked for and that nobody has used for a year: declared void, and deleted when
 * nobody missed them for another one. pkg/controller/serviceaccount legacy_serviceaccount_token_cleaner.
 */
export const legacyTokenCleaner: ControllerDescriptor = {
  name: "legacy-serviceaccount-token-cleaner-controller",
  aliases: ["legacy-service-account-token-cleaner"],
  create(context) {
    const { informers, clock, log, signal } = context;
    const holders = informers.informer({
      ...secrets,
      fieldSelector: "type=kubernetes.io/service-account-token",
    });
    const accounts = informers.informer(serviceAccounts);
    const known = informers.informer(pods);

    async function clean(): Promise<void> {
      // Most clusters have none.
      if (holders.lister.list().length === 0) return;
      const now = clock.now();
      const since = await trackedSince(context);
      if (since === undefined || now < since + dayMs + unusedMs) return;
      const used = new Set<string>();
      for (const pod of known.lister.list())
        for (const name of podReferences(pod).secrets) used.add(`${pod.metadata.namespace}/${name}`);
      for (const secret of holders.lister.list()) {
        const { namespace = "", name = "" } = secret.metadata;
        const account = accounts.lister.get(
          namespace,
          secret.metadata.annotations?.["kubernetes.io/service-account.name"] ?? "",
        );
        if (!isUnused(secret, now) || !isOf(account, secret) || used.has(`${namespace}/${name}`)) continue;
        await retire(context, secret, now);
      }
    }
    const cleaned = (): Promise<void> =>
      clean().catch((error: unknown) =>
        log.warn("unused tokens of ServiceAccounts are not cleaned up", { error: errorText(error) }),
      );
    return {
      async run() {
        await cleaned();
        const timer = clock.every(intervalMs, () => void cleaned(), { background: true });
        await aborted(signal);
        timer.cancel();
      },
    };
  },
};

/** When the use of tokens began to be noticed, milliseconds since 1970; undefined where it is not. */
async function trackedSince({ client }: ControllerContext): Promise<number | undefined> {
  try {
    const { data } = await client.get(inNamespace(configMaps, "kube-system"), tracking);
    return dateOf(data?.since);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** `2026-01-31` as milliseconds since 1970. */
function dateOf(text: unknown): number | undefined {
  return typeof text === "string" && /^\d{4}-\d\d-\d\d$/.test(text)
    ? parseTime(`${text}T00:00:00Z`)
    : undefined;
}

const dateText = (ms: number): string => new Date(ms).toISOString().slice(0, "2026-01-31".length);

function isUnused(secret: KubeObject, now: number): boolean {
  const { creationTimestamp, labels = {} } = secret.metadata;
  const createdAt = parseTime(creationTimestamp ?? "") ?? now;
  if (isTerminating(secret) || createdAt >= now - unusedMs) return false;
  const lastUsed = labels[lastUsedLabel];
  // A date that cannot be read says nothing of when it was.
  return lastUsed === undefined || (dateOf(lastUsed) !== undefined && lastUsed < dateText(now - unusedMs));
}

/** Whether the account names the Secret among its own, as only those do that nobody asked for. */
function isOf(account: KubeObject | undefined, secret: KubeObject): boolean {
  const uid = secret.metadata.annotations?.["kubernetes.io/service-account.uid"] ?? "";
  if (account === undefined || (uid !== "" && uid !== account.metadata.uid)) return false;
  const named: readonly { name?: string }[] = account["secrets"] ?? [];
  return named.some(({ name }) => name === secret.metadata.name);
}

async function retire({ client, log }: ControllerContext, secret: KubeObject, now: number): Promise<void> {
  const { namespace, name = "", uid, resourceVersion, labels = {} } = secret.metadata;
  const scope = inNamespace(secrets, namespace);
  const invalidSince = labels[invalidSinceLabel] ?? "";
  try {
    if (dateOf(invalidSince) === undefined) {
      const metadata = { name, namespace, uid, labels: { [invalidSinceLabel]: dateText(now) } };
      await client.patch(scope, name, { type: "merge", body: { metadata } });
    } else if (invalidSince < dateText(now - unusedMs)) {
      await client.delete(scope, name, { preconditions: { resourceVersion: resourceVersion as string } });
    }
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error))
      log.warn("an unused token is not retired", { secret: name, error: errorText(error) });
  }
}
