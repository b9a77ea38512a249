import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import {
  createAuthenticator,
  createTokenIssuer,
  createTokenKey,
  jsonWebKey,
  serviceAccountTokens,
  signingKey,
  verificationKeys,
} from "../../src/auth/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const issuer = "https://here";
const pair = createTokenKey();
const key = signingKey(pair.privateKey);

const account: KubeObject = { metadata: { name: "robot", namespace: "one", uid: "u-1" } };
const pod: KubeObject = { metadata: { name: "p", namespace: "one", uid: "u-2" } };
const node: KubeObject = { metadata: { name: "n", uid: "u-3" } };
const secret: KubeObject = { metadata: { name: "s", namespace: "one", uid: "u-4" } };

/** A server whose objects a test may change. */
function world(own = key) {
  const clock = new ManualClock();
  const objects = new Map<string, KubeObject>([
    ["serviceaccounts/one/robot", account],
    ["pods/one/p", pod],
    ["nodes//n", node],
    ["secrets/one/s", secret],
  ]);
  const tokens = serviceAccountTokens({
    issuers: [issuer, "https://before"],
    audiences: [issuer],
    keys: [own],
    reader: {
      get: async ({ resource }, { namespace, name }) => objects.get(`${resource}/${namespace}/${name}`),
    },
    clock,
  });
  let jti = 0;
  const random = {
    uuid: () => `jti-${++jti}`,
    number: () => 0,
    bytes: (length: number) => new Uint8Array(length),
  };
  const tokenIssuer = createTokenIssuer({ issuer, audiences: [issuer], key: own, clock, random });
  const authenticator = createAuthenticator({ tokens: [tokens], audiences: [issuer], clock });
  const review = async (token: string, audiences = [issuer]) => {
    const { verdict, error } = await authenticator.review(token, audiences);
    return verdict?.user.name ?? error;
  };
  return { clock, objects, tokenIssuer, authenticator, review };
}

const robot = "system:serviceaccount:one:robot";
const hour = { account, audiences: [issuer], expirationSeconds: 3600 };

test("a token is its account, with the account's groups and what it is bound to", async () => {
  const { tokenIssuer, authenticator } = world();
  const { token } = tokenIssuer.issue({ ...hour, pod, node });
  const user = await authenticator.authenticate({ authorization: `Bearer ${token}` });
  assert.deepEqual(user, {
    name: robot,
    uid: "u-1",
    groups: ["system:serviceaccounts", "system:serviceaccounts:one", "system:authenticated"],
    extra: {
      "authentication.kubernetes.io/credential-id": ["JTI=jti-1"],
      "authentication.kubernetes.io/pod-name": ["p"],
      "authentication.kubernetes.io/pod-uid": ["u-2"],
      "authentication.kubernetes.io/node-name": ["n"],
      "authentication.kubernetes.io/node-uid": ["u-3"],
    },
  });
});

test("RSA and the three NIST curves sign tokens that their public keys verify", async () => {
  const pems = [
    generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
    ...["P-256", "P-384", "P-521"].map((namedCurve) => generateKeyPairSync("ec", { namedCurve }).privateKey),
  ].map((privateKey) => privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  const algorithms: unknown[] = [];
  for (const pem of pems) {
    const own = signingKey(pem);
    const { tokenIssuer, review } = world(own);
    assert.equal(await review(tokenIssuer.issue(hour).token), robot);
    algorithms.push(jsonWebKey(own)["alg"]);
    assert.equal(jsonWebKey(own)["d"], undefined, "no private part is shown");
  }
  assert.deepEqual(algorithms, ["RS256", "ES256", "ES384", "ES512"]);
  assert.equal(verificationKeys(pems.join("\n")).length, 4);
  assert.throws(() => verificationKeys("nothing"), /it holds no key in PEM form/);
});

test("a token is void when it has expired, when it is from the future, and for other audiences", async () => {
  const { clock, tokenIssuer, review } = world();
  const { token } = tokenIssuer.issue(hour);
  assert.equal(await review(token), robot);
  assert.equal(
    await review(token, ["other"]),
    '[invalid bearer token, token audiences ["https://here"] is invalid for the target audiences ["other"]]',
  );
  clock.advance(3_700_000);
  assert.equal(await review(token), "[invalid bearer token, service account token has expired]");
  const { token: later } = tokenIssuer.issue(hour);
  const earlier = world();
  assert.equal(await earlier.review(later), "[invalid bearer token, service account token is not valid yet]");
});

test("a remembered token is void at the moment it expires", async () => {
  const { clock, tokenIssuer, authenticator } = world();
  const authorization = `Bearer ${tokenIssuer.issue(hour).token}`;
  clock.advance(3_658_000);
  assert.equal((await authenticator.authenticate({ authorization }))?.name, robot);
  clock.advance(2_001);
  assert.equal(await authenticator.authenticate({ authorization }), undefined);
});

test("a token ends with its account, and with the pod, Secret or node that it is bound to", async () => {
  const bindings = {
    "serviceaccounts/one/robot": {},
    "pods/one/p": { pod },
    "secrets/one/s": { secret },
    "nodes//n": { node },
  };
  for (const [path, bound] of Object.entries(bindings)) {
    const { objects, tokenIssuer, review } = world();
    const { token } = tokenIssuer.issue({ ...hour, ...bound });
    assert.equal(await review(token), robot, path);
    const present = objects.get(path) as KubeObject;
    objects.set(path, { metadata: { ...present.metadata, uid: "another" } });
    assert.match(await review(token), /UID \(another\) does not match/, path);
    objects.set(path, { metadata: { ...present.metadata, deletionTimestamp: "2020-01-01T00:00:00Z" } });
    assert.match(await review(token), /has been deleted|has been invalidated/, path);
    objects.delete(path);
    assert.match(await review(token), /not found|has been invalidated/, path);
  }
});

test("a token in a Secret is good as long as the Secret holds it", async () => {
  const { objects, tokenIssuer, review } = world();
  const token = tokenIssuer.issueLegacy(account, secret);
  assert.match(await review(token), /Token does not match server's copy/);
  const holding = { ...secret, data: { token: Buffer.from(token).toString("base64") } };
  objects.set("secrets/one/s", holding);
  assert.equal(await review(token), robot);
  const labels = { "kubernetes.io/legacy-token-invalid-since": "2026-01-01" };
  objects.set("secrets/one/s", { ...holding, metadata: { ...secret.metadata, labels } });
  assert.match(await review(token), /has been marked invalid/);
  objects.delete("secrets/one/s");
  assert.match(await review(token), /Token has been invalidated/);
});

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");

test("a token that is not signed by our key in our key's algorithm is void", async () => {
  const { tokenIssuer, review } = world();
  const { token } = tokenIssuer.issue(hour);
  const [header = "", claims = "", signature = ""] = token.split(".");
  const { kid } = JSON.parse(Buffer.from(header, "base64url").toString());
  const { token: stranger } = world(signingKey(createTokenKey().privateKey)).tokenIssuer.issue(hour);
  const hmacHead = encode({ alg: "HS256", kid });
  const hmac = createHmac("sha256", pair.publicKey).update(`${hmacHead}.${claims}`).digest("base64url");
  const void_ = {
    "alg none": `${encode({ alg: "none", kid })}.${claims}.${signature}`,
    "alg none, nothing signed": `${encode({ alg: "none" })}.${claims}.`,
    "alg None": `${encode({ alg: "None", kid })}.${claims}.${signature}`,
    "HMAC with the public key": `${hmacHead}.${claims}.${hmac}`,
    "another algorithm of the same key": `${encode({ alg: "ES384", kid })}.${claims}.${signature}`,
    "another key": stranger,
    "another key under our key's name": `${header}.${stranger.split(".").slice(1).join(".")}`,
    "changed claims": `${header}.${encode({ ...JSON.parse(Buffer.from(claims, "base64url").toString()), sub: "x" })}.${signature}`,
    "an extension that must be understood": `${encode({ alg: "ES256", kid, crit: ["b64"] })}.${claims}.${signature}`,
    "a signature cut short": `${header}.${claims}.${signature.slice(0, -4)}`,
    "four parts": `${token}.x`,
    "a header that is a list": `${Buffer.from("[]").toString("base64url")}.${claims}.${signature}`,
    "an issuer by prototype": `${header}.${Buffer.from('{"__proto__":{"iss":"https://here"}}').toString("base64url")}.${signature}`,
    "1 MB": `${header}.${"A".repeat(1_000_000)}.${signature}`,
  };
  for (const [name, forged] of Object.entries(void_))
    assert.match(await review(forged), /^\[?invalid bearer token/, name);
  assert.equal(await review(token), robot);
});

test("whatever is sent as a token, the answer is a refusal and never a failure", async () => {
  const { review } = world();
  const part = fc.oneof(
    fc.string(),
    fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString("base64url")),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 4 }), async (parts) => {
      assert.match(await review(parts.join(".")), /^\[?invalid bearer token/);
    }),
    { numRuns: 200 },
  );
});

test("signed claims of any shape end in a refusal", async () => {
  const { signToken } = await import("../../src/auth/tokens/jws.ts");
  const { review } = world();
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(
        fc.constantFrom("sub", "aud", "exp", "nbf", "iat", "kubernetes.io", "jti"),
        fc.jsonValue(),
      ),
      async (claims) => {
        assert.match(await review(signToken({ ...claims, iss: issuer }, key)), /^\[invalid bearer token/);
      },
    ),
    { numRuns: 100 },
  );
});
