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

export const serviceAccountStrategy: Strategy<ServiceAccount> = {
  namespaced: true,
  metadataOnUpdate: ["changes", "object"],
  prepareForCreate: namesOnly,
  prepareForUpdate: namesOnly,
  validateName: nameIsDnsSubdomain,
  returnDeletedObject: true,
  tableRow: (account, now) => [nameOf(account), age(account, now)],
};
