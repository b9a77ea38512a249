/** Who may do what, from files and flags: loaded only where somebody else is asked. */
import { type AuthorizationMode, type Authorizer, webhookAuthorizer } from "../../auth/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import type { Platform } from "../../platform/index.ts";
import type { AccessConfig, AuthorizationWebhook } from "../config.ts";
import { matchConditions } from "./authorization-conditions.ts";
import { parseAuthorization } from "./authorization-config.ts";
import { jsonWebhook } from "./json-webhook.ts";

/** @throws Error that names the flag and the file */
export async function openAuthorization(
  platform: Platform,
  { authorizationModes = [], authorizationConfigFile: file, authorizationPolicyFile }: AccessConfig,
): Promise<(AuthorizationMode | Authorizer)[]> {
  const open = (mode: AuthorizationMode | AuthorizationWebhook) =>
    typeof mode === "string" ? mode : openWebhook(platform, mode);
  if (file === undefined) return await Promise.all(authorizationModes.map(open));
  try {
    const asked = parseAuthorization(fromUtf8(await platform.disk.readFile(file)));
    if (asked.includes("ABAC") && authorizationPolicyFile === undefined)
      throw new Error("authorization-mode ABAC's authorization policy file not passed");
    return await Promise.all(asked.map(open));
  } catch (error) {
    throw new Error(`--authorization-config: ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws Error that names the file */
async function openWebhook(platform: Platform, webhook: AuthorizationWebhook): Promise<Authorizer> {
  const { kubeconfigFile: file, timeoutMs } = webhook;
  const concerns = await matchConditions(webhook.matchConditions, webhook.path);
  try {
    const ask = await jsonWebhook(platform, { file, timeoutMs });
    return webhookAuthorizer(webhook, { clock: platform.clock, ask, concerns });
  } catch (error) {
    throw new Error(`authorization webhook: ${file}: ${(error as Error).message}`, { cause: error });
  }
}
