import { type AccessConfig, type AuthorizationMode, authorizationModes } from "../../main/index.ts";
import { defaults } from "../defaults.ts";
import { oidcOf } from "./oidc.ts";
import type { ApiSettings } from "./settings.ts";

/** Who may enter and do what. @throws Error in kube-apiserver's words */
export function accessOf(settings: ApiSettings): AccessConfig {
  const modes = settings.list("authorization-mode");
  const unknown = modes.find((mode) => !(authorizationModes as readonly string[]).includes(mode));
  if (unknown !== undefined)
    throw new Error(
      `authorization-mode ${JSON.stringify(unknown)} is not a valid mode here: use ${authorizationModes.join(", ")}`,
    );
  const [issuer, ...former] = settings.all("service-account-issuer");
  const tokens = settings.text("token-auth-file");
  const signing = settings.text("service-account-signing-key-file");
  return {
    ...(tokens === "" ? {} : { tokenAuthFile: tokens }),
    // Whoever shows nothing may do nothing where nobody is asked what they may do.
    anonymousAuth: settings.boolean("anonymous-auth") && !modes.includes("AlwaysAllow"),
    enableBootstrapTokenAuth: settings.boolean("enable-bootstrap-token-auth"),
    serviceAccountIssuers: [issuer ?? defaults.serviceAccountIssuer, ...former],
    apiAudiences: settings.list("api-audiences"),
    ...(signing === "" ? {} : { serviceAccountSigningKeyFile: signing }),
    serviceAccountKeyFiles: settings.all("service-account-key-file"),
    authorizationModes: modes as AuthorizationMode[],
    ...oidcOf(settings),
  };
}
