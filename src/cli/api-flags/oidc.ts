import { type ApiConfig, signingAlgs } from "../../main/index.ts";
import type { ApiSettings } from "./settings.ts";

type Oidc = NonNullable<NonNullable<ApiConfig["access"]>["oidc"]>;

/** What `--oidc-*` ask for. @throws Error in kube-apiserver's words */
export function oidcOf(settings: ApiSettings): { readonly oidc?: Oidc } {
  const given = [...settings.values.keys()].some((name) => name.startsWith("oidc-"));
  if (!given) return {};
  const [issuerUrl, clientId] = [settings.text("oidc-issuer-url"), settings.text("oidc-client-id")];
  if (issuerUrl === "" || clientId === "")
    throw new Error(
      "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set",
    );
  const refuse = (field: string, value: string, why: string): Error =>
    new Error(`jwt[0].issuer.${field}: Invalid value: ${JSON.stringify(value)}: ${why}`);
  if (!URL.canParse(issuerUrl)) throw refuse("url", issuerUrl, "issuer URL is not a valid URL");
  if (new URL(issuerUrl).protocol !== "https:") throw refuse("url", issuerUrl, "URL scheme must be https");
  const algs = settings.list("oidc-signing-algs").map((name) => {
    const known = signingAlgs.find((one) => one === name);
    if (known !== undefined) return known;
    throw new Error(`oidc: unsupported signing alg: ${JSON.stringify(name)}: use ${signingAlgs.join(", ")}`);
  });
  const usernameClaim = settings.text("oidc-username-claim");
  const groupsClaim = settings.text("oidc-groups-claim");
  const caFile = settings.text("oidc-ca-file");
  return {
    oidc: {
      issuerUrl,
      clientId,
      usernameClaim,
      usernamePrefix: prefixOf(settings, usernameClaim, issuerUrl),
      groupsClaim: groupsClaim === "" ? undefined : groupsClaim,
      groupsPrefix: settings.text("oidc-groups-prefix"),
      requiredClaims: requiredClaims(settings),
      signingAlgs: algs,
      ...(caFile === "" ? {} : { caFile }),
    },
  };
}

/** Names of other claims than e-mail addresses are told apart by their issuer, unless somebody says otherwise. */
function prefixOf(settings: ApiSettings, claim: string, issuerUrl: string): string {
  const given = settings.text("oidc-username-prefix");
  if (given === "-") return "";
  return given === "" && claim !== "email" ? `${issuerUrl}#` : given;
}

function requiredClaims(settings: ApiSettings): ReadonlyMap<string, string> {
  const claims = new Map<string, string>();
  for (const pair of settings.list("oidc-required-claim")) {
    const at = pair.indexOf("=");
    if (at <= 0)
      throw new Error(
        `invalid argument ${JSON.stringify(pair)} for "--oidc-required-claim" flag: malformed pair, expect string=string`,
      );
    claims.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return claims;
}
