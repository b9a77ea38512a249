import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { Command } from "commander";
import { apiFlags } from "../../src/cli/api-flags/definitions.ts";
import { apiArguments, settingsOf, withApiFlags } from "../../src/cli/api-flags/options.ts";
import { servedAs } from "../../src/cli/api-flags/served.ts";
import { parseArguments } from "../../src/cli/apiserver/arguments.ts";

function optionsOf(...args: string[]): object {
  const command = withApiFlags(new Command("serve").exitOverride().configureOutput({ writeErr: () => {} }));
  return command.parse(args, { from: "user" }).opts();
}

test("serve takes every flag that it shares with kube-apiserver, and both read the same out of them", () => {
  const args = [
    "--token-auth-file=tokens.csv",
    "--anonymous-auth=false",
    "--enable-bootstrap-token-auth",
    "--service-account-issuer=https://a",
    "--service-account-issuer=https://b",
    "--oidc-issuer-url=https://issuer",
    "--oidc-client-id=me",
    "--oidc-required-claim=a=b",
    "--oidc-required-claim=c=d",
    "--authorization-mode=RBAC",
    "--authentication-token-webhook-config-file=tokens.yaml",
    "--max-requests-inflight=0",
    "--audit-policy-file=policy.yaml",
    "--audit-log-path=audit.log",
    "--encryption-provider-config=encryption.yaml",
    "--admission-control-config-file=admission.yaml",
    "--disable-admission-plugins=Priority,LimitRanger",
    "--event-ttl=10m",
  ];
  const served = servedAs(settingsOf(optionsOf(...args)));
  assert.deepEqual(served, servedAs(parseArguments(args)));
  assert.deepEqual(served.access?.serviceAccountIssuers, ["https://a", "https://b"]);
  assert.deepEqual(
    served.access?.oidc?.requiredClaims,
    new Map([
      ["a", "b"],
      ["c", "d"],
    ]),
  );
  assert.equal(served.inFlight?.reads, Number.POSITIVE_INFINITY);
  assert.equal(served.eventTtlSeconds, 600);
});

test("a cluster of one's own is not open to everybody when nothing is said", () => {
  const { access } = servedAs(settingsOf(optionsOf()));
  assert.deepEqual(access?.authorizationModes, ["Node", "RBAC"]);
  assert.deepEqual(access?.serviceAccountIssuers, ["https://kubernetes.default.svc.cluster.local"]);
  assert.deepEqual(servedAs(parseArguments([])).access?.authorizationModes, ["AlwaysAllow"]);
});

test("who decides is said by modes or by a file, and a webhook needs one of its own", () => {
  const accessOf = (...args: string[]) => servedAs(settingsOf(optionsOf(...args))).access;
  assert.throws(() => accessOf("--authorization-mode=Webhook"), /config file not passed/);
  assert.throws(() => accessOf("--authorization-webhook-config-file=a"), /without mode Webhook/);
  assert.throws(() => accessOf("--authorization-mode=RBAC,RBAC"), /mode specified more than once/);
  assert.throws(() => accessOf("--authorization-mode=Bogus"), /"Bogus" is not a valid mode here/);
  const both = ["--authorization-config=a.yaml", "--authorization-mode=RBAC"];
  assert.throws(
    () => accessOf(...both),
    /--authorization-config can not be specified when --authorization-mode/,
  );
  assert.equal(accessOf("--authorization-config=a.yaml")?.authorizationConfigFile, "a.yaml");
  const [webhook, rbac] =
    accessOf("--authorization-mode=Webhook,RBAC", "--authorization-webhook-config-file=hook.yaml")
      ?.authorizationModes ?? [];
  assert.equal(rbac, "RBAC");
  assert.deepEqual(webhook, {
    ...{
      version: "v1beta1",
      authorizedTtlMs: 300_000,
      unauthorizedTtlMs: 30_000,
      failurePolicy: "NoOpinion",
    },
    ...{ kubeconfigFile: "hook.yaml", timeoutMs: 30_000, matchConditions: [], path: "" },
  });
});

test("the flags of a member that is a process of its own are those that were given, files by their whole path", () => {
  const args = ["--token-auth-file=tokens.csv", "--api-audiences=a,b", "--requestheader-allowed-names="];
  const passedOn = apiArguments(optionsOf(...args));
  assert.deepEqual(passedOn, [`--token-auth-file=${resolve("tokens.csv")}`, ...args.slice(1)]);
  assert.deepEqual(apiArguments(optionsOf(...passedOn)), passedOn);
});

test("a value that does not fit a shared flag is refused in pflag's words", () => {
  assert.throws(() => optionsOf("--event-ttl=soon"), /time: invalid duration "soon"/);
  assert.throws(() => optionsOf("--max-requests-inflight=many"), /parsing "many": invalid syntax/);
});

test("each shared flag says in its help what it is for", () => {
  for (const [name, { help, value, kind }] of apiFlags) {
    assert.ok(help.length > 3, name);
    assert.equal(value === undefined, kind === "boolean", name);
  }
});

test("ABAC needs a file of policies, a file of policies ABAC, and tokens live an hour at least where their life is bounded", () => {
  const accessOf = (...args: string[]) => servedAs(settingsOf(optionsOf(...args))).access;
  assert.throws(() => accessOf("--authorization-mode=ABAC"), /policy file not passed/);
  assert.throws(() => accessOf("--authorization-policy-file=a"), /without mode ABAC/);
  const both = accessOf("--authorization-mode=ABAC", "--authorization-policy-file=a");
  assert.equal(both?.authorizationPolicyFile, "a");
  const life = (duration: string) =>
    accessOf(`--service-account-max-token-expiration=${duration}`)?.serviceAccountTokenSecondsMax;
  assert.equal(life("2h"), 7_200);
  assert.equal(life("0s"), undefined);
  assert.throws(() => life("59m"), /must be between 1 hour and 2\^32 seconds/);
});
