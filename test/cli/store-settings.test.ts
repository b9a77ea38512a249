import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutEffect } from "../../src/cli/flag-table.ts";
import { storeConfigOf } from "../../src/cli/store/config.ts";
import { deprecations } from "../../src/cli/store/deprecations.ts";
import { flags } from "../../src/cli/store/flags.ts";
import {
  addEnvironment,
  parseArguments,
  readConfigFile,
  settingsOf,
  UsageError,
} from "../../src/cli/store/settings.ts";
import { nodePlatform } from "../../src/platform/index.ts";

test("flags are read as Go reads them", () => {
  const settings = settingsOf(
    parseArguments([
      "-name",
      "a",
      "--data-dir=/d=1",
      "--auto-tls",
      "--client-cert-auth=F",
      "--max-txn-ops",
      "7",
    ]),
  );
  assert.equal(settings.text("name"), "a");
  assert.equal(settings.text("data-dir"), "/d=1");
  assert.equal(settings.boolean("auto-tls"), true);
  assert.equal(settings.boolean("client-cert-auth"), false);
  assert.equal(settings.number("max-txn-ops"), 7);
  assert.equal(settings.duration("watch-progress-notify-interval"), 600_000);
  assert.equal(settings.isSet("wal-dir"), false);
});

test("a flag that etcd does not know is refused in its words", () => {
  const refused = (message: RegExp, ...args: string[]) =>
    assert.throws(
      () => parseArguments(args),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  refused(/^flag provided but not defined: -nme$/, "--nme=a");
  refused(/^flag provided but not defined: -__proto__$/, "--__proto__=a");
  refused(/^flag needs an argument: -name$/, "--name");
  refused(/^invalid value "many" for flag -max-txn-ops: parse error$/, "--max-txn-ops=many");
  refused(
    /^invalid value "not-yet" for flag -v2-deprecation: invalid value "not-yet"$/,
    "--v2-deprecation=not-yet",
  );
  assert.throws(() => parseArguments(["--auto-tls", "false"]), /"false" is not a valid flag/);
});

test("flags that are on their way out are named, with what to say instead", () => {
  const values = parseArguments([
    "--name=a",
    "--max-snapshots=3",
    "--experimental-corrupt-check-time=1m",
    "--experimental-initial-corrupt-check",
  ]);
  assert.deepEqual(deprecations(values.keys()), [
    "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.",
    "--experimental-corrupt-check-time is deprecated in v3.6 and will be decommissioned in v3.7. Use '--corrupt-check-time' instead.",
    "--experimental-initial-corrupt-check is deprecated in v3.6 and will be decommissioned in v3.7. Use '--feature-gates=InitialCorruptCheck=true' instead.",
  ]);
});

test("a flag that has no effect is named where it is set to something", () => {
  const noted = (...args: string[]) => withoutEffect(flags, settingsOf(parseArguments(args)));
  assert.deepEqual(noted("--enable-pprof", "--snapshot-count=5", "--pre-vote=true"), [
    "--enable-pprof=true has no effect: it is about a part that is not here",
  ]);
});

test("the environment says what flags do not, and must not say it again", () => {
  const values = parseArguments(["--name=a"]);
  const environment = { ETCD_DATA_DIR: "/d", ETCD_WHAT: "1", ETCDCTL_API: "3", ETCD_WAL_DIR: "" };
  assert.deepEqual(addEnvironment(values, environment), ["ETCD_WHAT"]);
  assert.equal(values.get("data-dir"), "/d");
  assert.throws(
    () => addEnvironment(values, { ETCD_NAME: "b" }),
    /conflicting environment variable .* ETCD_NAME/,
  );
});

test("a configuration file names flags, those of TLS in two sections", () => {
  const { values, unknown } = readConfigFile({
    name: "a",
    "snapshot-count": 5000,
    "listen-client-urls": "http://127.0.0.1:1",
    "auto-compaction-retention": "1",
    "log-outputs": ["stderr", "/tmp/log"],
    "watch-progress-notify-interval": 1_000_000_000,
    "wal-dir": null,
    "client-transport-security": { "cert-file": "c", "client-cert-auth": true },
    "peer-transport-security": { "cert-file": "p", "auto-tls": true },
    surprise: 1,
  });
  assert.deepEqual(Object.fromEntries(values), {
    name: "a",
    "snapshot-count": "5000",
    "listen-client-urls": "http://127.0.0.1:1",
    "auto-compaction-retention": "1",
    "log-outputs": "stderr,/tmp/log",
    "watch-progress-notify-interval": "1000000000ns",
    "cert-file": "c",
    "client-cert-auth": "true",
    "peer-cert-file": "p",
    "peer-auto-tls": "true",
  });
  assert.deepEqual(unknown, ["surprise"]);
  assert.throws(() => readConfigFile([1]), /a mapping of keys to values/);
  assert.throws(() => readConfigFile({ "max-txn-ops": { a: 1 } }), /max-txn-ops cannot be/);
});

test("how often watches are told where the store is: by default where 0 is said, and a tenth of a second at least", async () => {
  const told = async (value: string) => {
    const settings = settingsOf(parseArguments([`--watch-progress-notify-interval=${value}`]));
    return (await storeConfigOf(settings, nodePlatform())).replica.progressIntervalMs;
  };
  assert.equal(await told("0s"), undefined);
  assert.equal(await told("5ms"), 100);
  assert.equal(await told("2s"), 2000);
});
