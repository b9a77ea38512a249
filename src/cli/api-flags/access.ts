import type { AccessConfig } from "../../main/index.ts";
import { defaults } from "../defaults.ts";
import { authorizationOf } from "./authorization.ts";
import { oidcOf } from "./oidc.ts";
import type { ApiSettings } from "./settings.ts";
import { webhookVersion } from "./webhook-version.ts";

/** Who may enter and do what. @throws Error in kube-apiserver's words */
export function accessOf(settings: ApiSettings): AccessConfig {
  const authorization = authorizationOf(settings);
  const [issuer, ...former] = settings.all("service-account-issuer");
  const tokens = settings.text("token-auth-file");
  const signing = settings.text("service-account-signing-key-file");
  return {
    ...(tokens === "" ? {} : { tokenAuthFile: tokens }),
    // Whoever shows nothing may do nothing where nobody is asked what they may do.
    anonymousAuth:
      settings.boolean("anonymous-auth") &&
      authorization.authorizationModes?.includes("AlwaysAllow") !== true,
    enableBootstrapTokenAuth: settings.boolean("enable-bootstrap-token-auth"),
    serviceAccountIssuers: [issuer ?? defaults.serviceAccountIssuer, ...former],
    apiAudiences: settings.list("api-audiences"),
    ...(signing === "" ? {} : { serviceAccountSigningKeyFile: signing }),
    serviceAccountKeyFiles: settings.all("service-account-key-file"),
    ...tokenLifeOf(settings),
    ...authorization,
    ...oidcOf(settings),
    ...tokenWebhookOf(settings),
  };
}

/** Bounds as upstream has them. */
const tokenSeconds = { min: 60 * 60, max: 2 ** 32 };

function tokenLifeOf(settings: ApiSettings): Pick<AccessConfig, "serviceAccountTokenSecondsMax"> {
  const seconds = settings.duration("service-account-max-token-expiration") / 1_000;
  if (seconds === 0) return {};
  if (seconds < tokenSeconds.min || seconds > tokenSeconds.max)
    throw new Error("the service-account-max-token-expiration must be between 1 hour and 2^32 seconds");
  return { serviceAccountTokenSecondsMax: Math.floor(seconds) };
}

function tokenWebhookOf(settings: ApiSettings): Pick<AccessConfig, "tokenWebhook"> {
  const configFile = settings.text("authentication-token-webhook-config-file");
  if (configFile === "") return {};
  const version = webhookVersion(settings, "authentication-token-webhook-version");
  return {
    tokenWebhook: { configFile, version, ttlMs: settings.duration("authentication-token-webhook-cache-ttl") },
  };
}
