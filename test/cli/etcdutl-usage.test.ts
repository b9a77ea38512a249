/** Arguments, as etcdutl 3.6.16 takes and refuses them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findCommand, parseArguments } from "../../src/cli/etcdutl/arguments.ts";
import { etcdutl, sharedFlags } from "../../src/cli/etcdutl/commands.ts";
import { humanBytes } from "../../src/cli/etcdutl/printer.ts";
import { usageOf } from "../../src/cli/etcdutl/usage.ts";

const find = (line: string) => findCommand(etcdutl, sharedFlags, line.split(" "));

function parse(line: string) {
  const { path, rest } = find(line);
  return parseArguments([...(path.at(-1)?.flags ?? []), ...sharedFlags], rest);
}

test("a command is found behind flags and their values, and when it is cut short", () => {
  const named = (line: string) =>
    find(line)
      .path.map(({ name }) => name)
      .slice(1)
      .join(" ");
  assert.equal(named("snapshot status s.db"), "snapshot status");
  assert.equal(named("-w json snap stat s.db"), "snapshot status");
  assert.equal(named("--data-dir d defrag"), "defrag");
  assert.equal(named("s"), "snapshot");
  assert.equal(named("h"), "", "hashkv and help");
  assert.equal(named("foo"), "");
});

test("flags are read before and behind files, joined to their values or not", () => {
  for (const line of ["hashkv f --rev 7 -w json", "hashkv -wjson --rev=7 f", "-w=json hashkv f --rev=+7"]) {
    const { operands, flags } = parse(line);
    assert.deepEqual([operands, Number(flags("rev")), flags("write-out")], [["f"], 7, "json"]);
  }
  assert.deepEqual(parse("hashkv -- --rev").operands, ["--rev"]);
});

test("what is wrong with a flag is said in pflag's words", () => {
  const refused = {
    "hashkv f --rev x":
      'invalid argument "x" for "--rev" flag: strconv.ParseInt: parsing "x": invalid syntax',
    "hashkv f --rev 9223372036854775808":
      'invalid argument "9223372036854775808" for "--rev" flag: strconv.ParseInt: parsing "9223372036854775808": value out of range',
    "hashkv f --rev": "flag needs an argument: --rev",
    "hashkv --foo": "unknown flag: --foo",
    "hashkv -x": "unknown shorthand flag: 'x' in -x",
    "hashkv -w": "flag needs an argument: 'w' in -w",
    "snapshot restore f --bump-revision -3":
      'invalid argument "-3" for "--bump-revision" flag: strconv.ParseUint: parsing "-3": invalid syntax',
    "snapshot restore f --skip-hash-check=foo":
      'invalid argument "foo" for "--skip-hash-check" flag: strconv.ParseBool: parsing "foo": invalid syntax',
  };
  for (const [line, message] of Object.entries(refused)) assert.throws(() => parse(line), { message }, line);
});

test("usage is shown as cobra shows it", () => {
  assert.equal(
    usageOf(find("hashkv").path, sharedFlags),
    `Usage:
  etcdutl hashkv <filename> [flags]

Flags:
  -h, --help      help for hashkv
      --rev int   maximum revision to hash (default: latest revision)

Global Flags:
  -w, --write-out string   set the output format (fields, json, protobuf, simple, table) (default "simple")
`,
  );
  assert.match(
    usageOf([etcdutl], sharedFlags),
    /^Usage:\n {2}etcdutl \[command\]\n\nAvailable Commands:\n {2}completion {2}Gen/,
  );
});

test("sizes are told as go-humanize tells them", () => {
  const told = [0, 9, 10, 999, 1000, 24_576, 999_949, 1_234_567, 12_345_678_901].map(humanBytes);
  assert.deepEqual(told, ["0 B", "9 B", "10 B", "999 B", "1.0 kB", "25 kB", "1000 kB", "1.2 MB", "12 GB"]);
});
