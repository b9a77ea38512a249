import { type KubeObject, nameIsDnsSubdomain } from "../../apimachinery/index.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

interface ServiceAccount extends KubeObject {
  secrets?: { name?: string }[];
}

/** Secrets are of the account's namespace: of a reference only the name counts. */
function namesOnly(account: ServiceAccount): ServiceAccount {
  const names = account.secrets?.map(({ name }) => (name ? { name } : {}));
  if (names !== undefined) account.secrets = names;
  return account;
}

const mountableSecrets = "kubernetes.io/enforce-mountable-secrets";

/** Told when it is set, not each time that the account is written. */
function mountableSecretsWarnings(account: ServiceAccount, old?: ServiceAccount): string[] {
  const isSet = ({ metadata }: ServiceAccount): boolean =>
    Object.hasOwn(metadata.annotations ?? {}, mountableSecrets);
  if (!isSet(account) || (old !== undefined && isSet(old))) return [];
  return [
    `metadata.annotations[${mountableSecrets}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
  ];
}

export const serviceAccountStrategy: Strategy<ServiceAccount> = {
  namespaced: true,
  metadataOnUpdate: ["changes", "object"],
  prepareForCreate: namesOnly,
  prepareForUpdate: namesOnly,
  validateName: nameIsDnsSubdomain,
  warnings: (account) => mountableSecretsWarnings(account),
  warningsOnUpdate: (next, old) => mountableSecretsWarnings(next, old),
  returnDeletedObject: true,
  tableRow: (account, now) => [nameOf(account), age(account, now)],
};
