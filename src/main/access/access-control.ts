/** Who may enter, from files and flags: keys for ServiceAccount tokens, tokens that somebody wrote down. */
import { type AccessControl, createAccessControl } from "../../apiserver/index.ts";
import {
  AbacPolicies,
  oidcTokens,
  parseTokenFile,
  type StaticToken,
  signingKey,
  type TokenAuthenticator,
  verificationKeys,
  webhookTokens,
} from "../../auth/index.ts";
import { fromUtf8 } from "../../base/index.ts";
import type { Platform } from "../../platform/index.ts";
import type { Log } from "../../telemetry/index.ts";
import type { ApiPki } from "../certificates/pki.ts";
import { type AccessConfig, standardAccess } from "../config.ts";
import { documentFetcher } from "./oidc.ts";

/** As upstream gives it. */
const tokenWebhookTimeoutMs = 30_000;

/** @throws Error that names the flag and the file */
export async function openAccessControl(
  platform: Platform,
  { access = standardAccess }: { readonly access?: AccessConfig },
  { log, pki }: { readonly log: Log; readonly pki: ApiPki },
): Promise<AccessControl> {
  const read = async <T>(flag: string, path: string, parse: (text: string) => T): Promise<T> => {
    try {
      return parse(fromUtf8(await platform.disk.readFile(path)));
    } catch (error) {
      throw new Error(`${flag}: ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const { serviceAccountSigningKeyFile: signingFile, serviceAccountKeyFiles, tokenAuthFile } = access;
  const signing =
    signingFile === undefined
      ? signingKey(pki.serviceAccountKey ?? "")
      : await read("--service-account-signing-key-file", signingFile, signingKey);
  const given = await Promise.all(
    serviceAccountKeyFiles.map((path) => read("--service-account-key-file", path, verificationKeys)),
  );
  const others = given.flat().filter(({ id }) => id !== signing.id);
  const tokens: StaticToken[] =
    tokenAuthFile === undefined ? [] : await read("--token-auth-file", tokenAuthFile, parseTokenFile);
  const { oidc, authorizationPolicyFile: policyFile } = access;
  const ca =
    oidc?.caFile === undefined ? undefined : await read("--oidc-ca-file", oidc.caFile, (text) => text);
  const askedOfTokens = access.tokenWebhook && (await openTokenWebhook(platform, access.tokenWebhook));
  return createAccessControl({
    clock: platform.clock,
    random: platform.random,
    log: log.channel("apiserver"),
    serviceAccounts: {
      issuers: access.serviceAccountIssuers,
      audiences: access.apiAudiences,
      secondsMax: access.serviceAccountTokenSecondsMax,
      signing,
      verification: [signing, ...others],
    },
    tokens,
    requestHeader: pki.requestHeader,
    clientCa: pki.clientCa,
    anonymousAuth: access.anonymousAuth,
    otherTokens: (audiences) => [
      ...(oidc ? [oidcTokens(oidc, { fetch: documentFetcher(ca), clock: platform.clock, audiences })] : []),
      ...(askedOfTokens?.(audiences) ?? []),
    ],
    bootstrapTokenAuth: access.enableBootstrapTokenAuth,
    authorizationModes: await authorizersOf(platform, access),
    ...(policyFile === undefined
      ? {}
      : { abac: await read("--authorization-policy-file", policyFile, (text) => new AbacPolicies(text)) }),
  });
}

/** @throws Error that names the flag and the file */
async function openTokenWebhook(
  platform: Platform,
  options: NonNullable<AccessConfig["tokenWebhook"]>,
): Promise<(audiences: readonly string[]) => readonly TokenAuthenticator[]> {
  const { configFile: file } = options;
  const { jsonWebhook } = await import("./json-webhook.ts");
  try {
    const ask = await jsonWebhook(platform, { file, timeoutMs: tokenWebhookTimeoutMs });
    return (audiences) => [webhookTokens(options, { clock: platform.clock, audiences, ask })];
  } catch (error) {
    throw new Error(`--authentication-token-webhook-config-file: ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** @throws Error that names the flag and the file */
async function authorizersOf(platform: Platform, access: AccessConfig) {
  const { authorizationModes: modes, authorizationConfigFile: file } = access;
  if (file !== undefined || modes?.some((mode) => typeof mode !== "string"))
    return await (await import("./authorization.ts")).openAuthorization(platform, access);
  return modes?.filter((mode) => typeof mode === "string");
}
