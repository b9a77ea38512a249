import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type JsonNode, JsonSyntaxError, parseJson } from "../../src/etcdapi/gateway/json-text.ts";
import { JsonSplitter } from "../../src/etcdapi/gateway/split.ts";

/** What JSON.parse would have made of it. */
function plain(node: JsonNode): unknown {
  switch (node.type) {
    case "null":
      return null;
    case "number":
      return Number(node.text);
    case "array":
      return node.items.map(plain);
    case "object": {
      const object = {};
      for (const { name, value } of node.members) {
        Object.defineProperty(object, name, {
          value: plain(value),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return object;
    }
    default:
      return node.value;
  }
}

test("any JSON is parsed as JSON.parse parses it", () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(0, 1, 2), (text, indent) => {
      const shown = JSON.stringify(JSON.parse(text), null, indent);
      assert.deepEqual(plain(parseJson(shown)), JSON.parse(shown));
    }),
  );
});

test("a text that is changed anywhere is refused unless JSON.parse takes its beginning", () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.constantFrom('"', "\\", "{", "]", ",", "e", "\n", "0", "u"),
      (text, at, noise) => {
        const place = at % (text.length + 1);
        const changed = `${text.slice(0, place)}${noise}${text.slice(place + 1)}`;
        let node: JsonNode;
        try {
          node = parseJson(changed);
        } catch (error) {
          assert.ok(error instanceof JsonSyntaxError);
          assert.throws(() => JSON.parse(changed), SyntaxError);
          return;
        }
        assert.deepEqual(plain(node), JSON.parse(changed.slice(0, node.end)));
      },
    ),
    { numRuns: 500 },
  );
});

test("errors have the words of Go's encoding/json", () => {
  const messageOf = (text: string): string => {
    try {
      parseJson(text);
    } catch (error) {
      return (error as Error).message;
    }
    return "accepted";
  };
  assert.equal(messageOf('{"key":'), "unexpected EOF");
  assert.equal(messageOf("{key: 1}"), "invalid character 'k' looking for beginning of object key string");
  assert.equal(messageOf('{"a" 1}'), "invalid character '1' after object key");
  assert.equal(messageOf('{"a": 1 "b"}'), "invalid character '\"' after object key:value pair");
  assert.equal(messageOf("[1 2]"), "invalid character '2' after array element");
  assert.equal(messageOf("trve"), "invalid character 'v' in literal true (expecting 'u')");
  assert.equal(messageOf("["[0]?.repeat(5000) ?? ""), "exceeded max depth");
});

test("values are split apart wherever the pieces are cut", () => {
  const values = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 5 });
  fc.assert(
    fc.property(
      values,
      fc.integer({ min: 1, max: 7 }),
      fc.constantFrom("", "\n", " "),
      (objects, size, gap) => {
        const text = objects.map((object) => JSON.stringify(object)).join(gap);
        const splitter = new JsonSplitter(1_000_000);
        const found: unknown[] = [];
        for (let at = 0; at < text.length; at += size) {
          for (const value of splitter.push(text.slice(at, at + size)) ?? []) found.push(JSON.parse(value));
        }
        assert.deepEqual(
          found,
          objects.map((object) => JSON.parse(JSON.stringify(object))),
        );
        assert.equal(splitter.rest, "");
      },
    ),
  );
});

test("a value without an end is refused at the bound", () => {
  const splitter = new JsonSplitter(100);
  assert.deepEqual(splitter.push(`{"a": "${"x".repeat(50)}`), []);
  assert.equal(splitter.push("x".repeat(60)), undefined);
});
