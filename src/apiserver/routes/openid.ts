import type Router from "@koa/router";
import { jsonWebKey } from "../../auth/index.ts";
import type { ServiceAccountKeys } from "../access/access-control.ts";
import { acceptedTypes, notAcceptable, requireJson } from "../media-types.ts";
import { getOnly } from "./get-only.ts";

const keySetPath = "/openid/v1/jwks";
const keySetType = "application/jwk-set+json";
const cached = { "cache-control": "public, max-age=3600" };

/** What others need to check our ServiceAccount tokens: OpenID Connect Discovery 1.0, and the keys (RFC 7517). */
export function openIdRoutes(router: Router, { issuers, verification }: ServiceAccountKeys): void {
  const algorithms = [...new Set(verification.map(({ algorithm }) => algorithm.name))].sort();
  const keySet = JSON.stringify({ keys: verification.map(jsonWebKey) });

  getOnly(router, "/.well-known/openid-configuration", ({ state, req }) => {
    requireJson(req.headers.accept ?? "");
    const body = JSON.stringify({
      issuer: issuers[0],
      jwks_uri: `https://${req.headers.host ?? "localhost"}${keySetPath}`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: algorithms,
    });
    state.reply = { status: 200, headers: { "content-type": "application/json", ...cached }, body };
  });
  getOnly(router, keySetPath, ({ state, req }) => {
    const wanted = acceptedTypes(req.headers.accept ?? "*/*");
    if (!wanted.some(({ type }) => type === "*/*" || type === keySetType)) throw notAcceptable([keySetType]);
    state.reply = { status: 200, headers: { "content-type": keySetType, ...cached }, body: keySet };
  });
}
