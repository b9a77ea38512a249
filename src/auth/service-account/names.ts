/** How ServiceAccounts appear as users: k8s.io/apiserver/pkg/authentication/serviceaccount. */

const userPrefix = "system:serviceaccount:";
const everyAccount = "system:serviceaccounts";

export function serviceAccountUserName(namespace: string, name: string): string {
  return `${userPrefix}${namespace}:${name}`;
}

/** Groups that an account is in, besides those of everybody. */
export function serviceAccountGroups(namespace: string): string[] {
  return [everyAccount, `${everyAccount}:${namespace}`];
}

/** The account of a user name; undefined for other users. */
export function parseServiceAccountUserName(
  userName: string,
): { readonly namespace: string; readonly name: string } | undefined {
  if (!userName.startsWith(userPrefix)) return undefined;
  const parts = userName.slice(userPrefix.length).split(":");
  const [namespace = "", name = ""] = parts;
  return parts.length === 2 && namespace !== "" && name !== "" ? { namespace, name } : undefined;
}
