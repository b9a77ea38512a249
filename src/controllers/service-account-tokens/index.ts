import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { isConflict, isNotFound } from "../owners.ts";
import { inNamespace, isTerminating, secrets, serviceAccounts } from "../resources.ts";

const secretType = "kubernetes.io/service-account-token";
const accountName = "kubernetes.io/service-account.name";
const accountUid = "kubernetes.io/service-account.uid";
const byAccount = "service account";

/**
 * Fills Secrets that somebody made to hold a token of a ServiceAccount, and deletes them with their account:
 * pkg/controller/serviceaccount tokens_controller.
 */
export const serviceAccountTokenController: ControllerDescriptor = {
  name: "serviceaccount-token-controller",
  aliases: ["serviceaccount-token"],
  create(context) {
    const { issueSecretToken } = context.settings;
    return issueSecretToken === undefined ? { run: async () => {} } : tokens(context, issueSecretToken);
  },
};

function tokens(
  { client, clock, log, signal, informers, settings }: ControllerContext,
  issue: (account: KubeObject, secret: KubeObject) => string,
): { run(): Promise<void> } {
  const accounts = informers.informer(serviceAccounts);
  const holders = informers.informer({ ...secrets, fieldSelector: `type=${secretType}` });
  holders.addIndex(byAccount, (secret) => [accountKey(secret)]);
  const queue = createWorkqueue({ name: "serviceaccount tokens", clock, log, process });
  const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`;

  holders.addHandler({
    add: (secret) => queue.add(keyOf(secret)),
    update: (secret) => queue.add(keyOf(secret)),
  });
  const wake = (account: KubeObject): void => {
    for (const secret of holders.lister.byIndex(byAccount, keyOf(account))) queue.add(keyOf(secret));
  };
  accounts.addHandler({ add: wake, delete: wake });

  async function process(key: string): Promise<void> {
    const [namespace = "", name = ""] = key.split("/");
    const secret = holders.lister.get(namespace, name);
    if (secret === undefined || isTerminating(secret)) return;
    try {
      const account = await accountOf(secret, namespace);
      if (account === undefined) await remove(secret, namespace);
      else await fill(secret, account, namespace);
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  /** Undefined: it is gone, or another has its name. Asked past the cache before something is deleted. */
  async function accountOf(secret: KubeObject, namespace: string): Promise<KubeObject | undefined> {
    const { annotations = {} } = secret.metadata;
    const name = annotations[accountName] ?? "";
    const fits = (account: KubeObject): boolean =>
      annotations[accountUid] === undefined || annotations[accountUid] === account.metadata.uid;
    const cached = accounts.lister.get(namespace, name);
    if (cached !== undefined && fits(cached)) return cached;
    try {
      const live = await client.get(inNamespace(serviceAccounts, namespace), name);
      return fits(live) ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function remove({ metadata }: KubeObject, namespace: string): Promise<void> {
    const { name = "", uid = "" } = metadata;
    await client.delete(inNamespace(secrets, namespace), name, { preconditions: { uid } });
  }

  async function fill(secret: KubeObject, account: KubeObject, namespace: string): Promise<void> {
    const encoded = (text: string): string => Buffer.from(text).toString("base64");
    const { rootCa } = settings;
    const data: Record<string, string> = secret["data"] ?? {};
    const next = {
      ...data,
      ...(rootCa === undefined ? {} : { "ca.crt": encoded(rootCa) }),
      namespace: data["namespace"] || encoded(namespace),
      token: data["token"] || encoded(issue(account, secret)),
    };
    const annotations = { ...secret.metadata.annotations, [accountUid]: account.metadata.uid as string };
    const isFilled = Object.entries(next).every(([key, value]) => data[key] === value);
    if (isFilled && secret.metadata.annotations?.[accountUid] === annotations[accountUid]) return;
    const metadata = { ...secret.metadata, annotations };
    await client.update(inNamespace(secrets, namespace), { ...secret, metadata, data: next });
  }

  return { run: () => workUntil(signal, queue) };
}

const accountKey = ({ metadata }: KubeObject): string =>
  `${metadata.namespace}/${metadata.annotations?.[accountName] ?? ""}`;
