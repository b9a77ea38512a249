import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { test } from "node:test";
import type { Json } from "../../src/apimachinery/index.ts";
import { createAuthenticator, type OidcOptions, oidcTokens } from "../../src/auth/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const issuerUrl = "https://issuer.example";
const options: OidcOptions = {
  issuerUrl,
  clientId: "kubernetes",
  usernameClaim: "sub",
  usernamePrefix: `${issuerUrl}#`,
  groupsClaim: "groups",
  groupsPrefix: "oidc:",
  requiredClaims: new Map([["hd", "example.com"]]),
  signingAlgs: ["RS256", "ES256"],
};
const audiences = ["https://here"];
const pair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const first = pair();

function provider(change: Partial<OidcOptions> = {}) {
  const clock = new ManualClock();
  const state = { keys: [jwk("one", first.publicKey)] as object[], asked: 0, issuer: issuerUrl };
  const fetch = async (url: string): Promise<Json> => {
    state.asked++;
    if (url === `${issuerUrl}/.well-known/openid-configuration`)
      return { issuer: state.issuer, jwks_uri: `${issuerUrl}/keys` };
    assert.equal(url, `${issuerUrl}/keys`);
    return JSON.parse(JSON.stringify({ keys: state.keys }));
  };
  const tokens = oidcTokens({ ...options, ...change }, { fetch, clock, audiences });
  const authenticator = createAuthenticator({ tokens: [tokens], audiences, clock });
  const claims = (more: object = {}) => ({
    iss: issuerUrl,
    aud: ["other", "kubernetes"],
    sub: "jane",
    exp: Math.floor(clock.now() / 1000) + 600,
    hd: "example.com",
    ...more,
  });
  const review = async (token: string) => authenticator.review(token, audiences);
  return { clock, state, claims, review };
}

const jwk = (kid: string, key: KeyObject) => ({
  ...createPublicKey(key.export({ type: "spki", format: "pem" })).export({ format: "jwk" }),
  kid,
  use: "sig",
});

function signed(claims: object, { kid = "one", key = first.privateKey, alg = "ES256" } = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg, kid })}.${part(claims)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

test("a token of the provider is its user, with a prefix before the name and each group", async () => {
  const { review, claims } = provider();
  const { verdict, error } = await review(signed(claims({ groups: ["dev", "qa"], jti: "7" })));
  assert.equal(error, "");
  assert.deepEqual(verdict?.user, {
    name: "https://issuer.example#jane",
    groups: ["oidc:dev", "oidc:qa", "system:authenticated"],
    extra: { "authentication.kubernetes.io/credential-id": ["JTI=7"] },
  });
});

test("a token for somebody else, too old, without what it must say, or signed by another is refused", async () => {
  const { review, claims, clock } = provider();
  const why = async (token: string) => (await review(token)).error;
  assert.match(await why(signed(claims({ aud: "other" }))), /expected audience "kubernetes" got \["other"\]/);
  assert.match(await why(signed(claims({ hd: "evil.com" }))), /required claim hd value does not match/);
  assert.match(await why(signed(claims({ hd: undefined }))), /required claim hd not present/);
  assert.match(
    await why(signed(claims({ sub: undefined }))),
    /parse username claims "sub": claim not present/,
  );
  assert.match(await why(signed(claims(), { key: pair().privateKey })), /failed to verify signature/);
  assert.match(await why(signed(claims({ iss: "https://other.example" }))), /^invalid bearer token$/);
  const young = claims({ nbf: Math.floor(clock.now() / 1000) + 100 });
  assert.match(await why(signed(young)), /before the nbf \(not before\) time/);
  const good = signed(claims());
  assert.equal(await why(good), "");
  clock.advance(601_000);
  assert.match(await why(good), /token is expired/);
});

test("an empty name is one where the prefix makes something of it", async () => {
  const named = async (usernamePrefix: string) => {
    const { review, claims } = provider({ usernamePrefix });
    return review(signed(claims({ sub: "" })));
  };
  assert.equal((await named("oidc:")).verdict?.user.name, "oidc:");
  assert.match((await named("")).error, /claim not present/);
});

test("a token cannot choose how it is checked", async () => {
  const { review, claims } = provider();
  const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(JSON.stringify(claims())).toString("base64url")}.AA`;
  assert.equal((await review(unsigned)).verdict, undefined);
  assert.equal((await review(signed(claims(), { alg: "ES384" }))).verdict, undefined);
});

test("an address counts as a name only where the provider does not say that it is not verified", async () => {
  const { review, claims } = provider({ usernameClaim: "email", usernamePrefix: "" });
  assert.equal((await review(signed(claims({ email: "a@b.c" })))).verdict?.user.name, "a@b.c");
  assert.match(
    (await review(signed(claims({ email: "a@b.c", email_verified: false })))).error,
    /email not verified/,
  );
});

test("keys are asked for when a token needs them, and for new ones not more often than now and then", async () => {
  const { review, claims, state, clock } = provider();
  assert.equal(state.asked, 0);
  await review(signed(claims()));
  await review(signed(claims({ sub: "joe" })));
  assert.equal(state.asked, 2);
  const second = pair();
  state.keys.push(jwk("two", second.publicKey));
  const renewed = signed(claims(), { kid: "two", key: second.privateKey });
  assert.notEqual((await review(renewed)).error, "");
  assert.equal(state.asked, 2);
  clock.advance(10_000);
  assert.equal((await review(renewed)).error, "");
});

test("a provider that says it is another one is not believed", async () => {
  const { review, claims, state } = provider();
  state.issuer = "https://evil.example";
  assert.match(
    (await review(signed(claims()))).error,
    /issuer did not match the issuer returned by provider/,
  );
});
