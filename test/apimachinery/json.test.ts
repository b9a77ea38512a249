import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  deepClone,
  deepEqual,
  type Json,
  JsonError,
  parseJson,
  parseYaml,
  stringifyJson,
  stringifyYaml,
  YamlError,
} from "../../src/apimachinery/index.ts";

test("a text that is not JSON is refused in Go's words", () => {
  const cases: Record<string, string> = {
    "": "unexpected end of JSON input",
    '{"a":': "unexpected end of JSON input",
    "{a:1}": "invalid character 'a' looking for beginning of object key string",
    '{"a" 1}': "invalid character '1' after object key",
    '{"a":1 "b"}': "invalid character '\"' after object key:value pair",
    "[1 2]": "invalid character '2' after array element",
    "[1,]": "invalid character ']' looking for beginning of value",
    '{"a":1}x': "invalid character 'x' after top-level value",
    '"\\x"': "invalid character 'x' in string escape code",
    '"\u0001"': "invalid character '\\x01' in string literal",
    truX: "invalid character 'X' in literal true (expecting 'e')",
    "1.x": "invalid character 'x' after decimal point in numeric literal",
    "-x": "invalid character 'x' in numeric literal",
    "1ex": "invalid character 'x' in exponent of numeric literal",
  };
  for (const [text, message] of Object.entries(cases)) {
    assert.throws(() => parseJson(text), { name: "JsonError", message }, text);
  }
});

test("any valid text is read as JSON.parse reads it, also by the reader that looks for duplicates", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.equal(stringifyJson(parseJson(text)), stringifyJson(JSON.parse(text)));
      const wrapped = `{"x":1,"x":${text}}`;
      assert.equal(
        stringifyJson(parseJson(wrapped, { onDuplicate: () => undefined })),
        stringifyJson(parseJson(wrapped)),
      );
    }),
  );
});

test("integers of 64 bits keep every digit, through reading and writing", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const text = `{"a":[${value}]}`;
      assert.equal(stringifyJson(parseJson(text)), text);
    }),
  );
});

test("keys that stand twice are told with their paths, and their objects merge", () => {
  const told: string[] = [];
  const text = '{"data":{"a":"1","a":"2"},"l":[{"x":1,"x":2}],"data":{"b":"3"},"l2":{"a:b\\"":1}}';
  const value = parseJson(text, { onDuplicate: (path) => told.push(path) });
  assert.deepEqual(told, ["data.a", "l[0].x", "data"]);
  assert.deepEqual(value, { data: { a: "2", b: "3" }, l: [{ x: 2 }], l2: { 'a:b"': 1 } });
});

test("nesting is bounded", () => {
  const deep = `${"[".repeat(1_001)}${"]".repeat(1_001)}`;
  assert.throws(() => parseJson(deep), new JsonError("exceeded max depth"));
  assert.ok(Array.isArray(parseJson("[".repeat(1_000) + "]".repeat(1_000))));
  assert.throws(() => parseYaml(`${"[".repeat(5_000)}${"]".repeat(5_000)}`), YamlError);
});

test("__proto__ is a key like any other", () => {
  const value = parseJson('{"__proto__":{"polluted":true}}') as Record<string, Json>;
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(stringifyJson(deepClone(value)), '{"__proto__":{"polluted":true}}');
  const yaml = parseYaml("__proto__: {polluted: true}") as Record<string, Json>;
  assert.equal(yaml.polluted, undefined);
  assert.deepEqual(Object.keys(yaml), ["__proto__"]);
});

test("an absent, null or empty list equals another; an empty object is something", () => {
  assert.ok(deepEqual({ a: [], b: null }, {}));
  assert.ok(deepEqual({ a: { b: [null] } }, { a: { b: [null] } }));
  assert.equal(deepEqual({ a: {} }, {}), false);
  assert.equal(deepEqual([1], [1, 2]), false);
  assert.equal(deepEqual({ a: 1n }, { a: 2n }), false);
});

test("YAML is read as version 1.1, timestamps and base 60 aside", () => {
  const text =
    "a: yes\nb: 0777\nc: 12:30\nd: 2001-01-01\ne: 9007199254740993\nf: ~\ng: 1_000\nh: 1e3\ni: '1'\n1: x";
  assert.deepEqual(parseYaml(text), {
    "1": "x",
    a: true,
    b: 511,
    c: "12:30",
    d: "2001-01-01",
    e: 9_007_199_254_740_993n,
    f: null,
    g: 1_000,
    h: 1_000,
    i: "1",
  });
});

test("a key that stands twice in YAML is told with its line", () => {
  const told: string[] = [];
  const text = 'kind: ConfigMap\ndata:\n  a: "1"\n  a: "2"\n';
  assert.deepEqual(parseYaml(text, { onDuplicate: (line) => told.push(line) }), {
    kind: "ConfigMap",
    data: { a: "2" },
  });
  assert.deepEqual(told, ['yaml: unmarshal errors:\n  line 4: key "a" already set in map']);
});

test("aliases cannot multiply a small text into a large value", () => {
  const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
  for (let i = 1; i < 9; i++)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(",")}]`,
    );
  assert.throws(() => parseYaml(lines.join("\n")), /excessive aliasing/);
});

test("what is written as YAML reads back the same", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const plain = parseJson(JSON.stringify(value));
      assert.deepEqual(parseYaml(stringifyYaml(plain)), plain);
    }),
    { numRuns: 300 },
  );
});

test("all keys that stand twice in YAML are told, each where its last value begins, as Go's reader comes by", () => {
  const told: string[] = [];
  const text = "a: 1\nb:\n  c: 1\n  c: 2\nb:\n  - {x: 1, x: 2}\na: 2\nz:\nz:\n---\na: 1\na: 2\n";
  parseYaml(text, { onDuplicate: (all) => told.push(all) });
  assert.deepEqual(told, [
    ["yaml: unmarshal errors:", 4, 6, 6, 7, 9]
      .map((line, i) => (i === 0 ? line : `  line ${line}: key "${"ncxbaz"[i]}" already set in map`))
      .join("\n"),
  ]);
});
