import assert from "node:assert/strict";
import { before, test } from "node:test";
import fc from "fast-check";
import { field, type Json, type JsonObject, parseJson, stringifyJson } from "../../src/apimachinery/index.ts";
import {
  Correlation,
  customForm,
  customRoot,
  fillDefaults,
  type JsonSchemaProps,
  loadPatterns,
  prune,
  valueProblems,
} from "../../src/schema/index.ts";

before(loadPatterns);

const names = ["a", "b", "__proto__", "constructor", "metadata", "kind"];

/** A schema with properties of hostile names, lists and maps, some with defaults. */
const schemas: fc.Arbitrary<JsonSchemaProps> = fc.letrec<{ schema: JsonSchemaProps }>((tie) => ({
  schema: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<JsonSchemaProps>(
      { type: "string", default: "d" },
      { type: "integer" },
      { type: "string", nullable: true },
      { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    ),
    tie("schema").map((items): JsonSchemaProps => ({ type: "array", items })),
    tie("schema").map((additionalProperties): JsonSchemaProps => ({ type: "object", additionalProperties })),
    fc
      .array(fc.tuple(fc.constantFrom(...names), tie("schema")), { maxLength: 4 })
      .map((entries): JsonSchemaProps => ({ type: "object", properties: ownEntries(entries) })),
  ),
})).schema;

/** Object.fromEntries keeps `__proto__` as a property of its own. */
const ownEntries = <T>(entries: readonly (readonly [string, T])[]): Record<string, T> =>
  Object.fromEntries(entries);

const values: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<Json>(null, true, 1, "x", 1.5),
    fc.array(tie("value"), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom(...names, "other"), tie("value")), { maxLength: 4 })
      .map((entries): Json => ownEntries(entries)),
  ),
})).value;

const copyOf = (value: Json): Json => parseJson(stringifyJson(value));

test("pruning twice prunes no more than once, and never touches a prototype", () => {
  fc.assert(
    fc.property(schemas, values, (schema, value) => {
      const root = customRoot({ type: "object", properties: { spec: schema } });
      const object = copyOf({ spec: value, other: value }) as JsonObject;
      prune(object, root);
      assert.deepEqual(Object.keys(object), ["spec"]);
      const once = stringifyJson(object);
      const unknown: string[] = [];
      prune(object, root, unknown);
      assert.deepEqual(unknown, []);
      assert.equal(stringifyJson(object), once);
      assert.deepEqual(Object.keys(Object.prototype), []);
      assert.equal(Object.getPrototypeOf(object), Object.prototype);
    }),
    { numRuns: 300 },
  );
});

test("defaults fill in once: a second time changes nothing, and what is there stays", () => {
  fc.assert(
    fc.property(schemas, values, (schema, value) => {
      const root = customRoot({ type: "object", properties: { spec: schema } });
      const object = copyOf({ spec: value });
      prune(object, root);
      fillDefaults(object, root);
      const once = stringifyJson(object);
      fillDefaults(object, root);
      assert.equal(stringifyJson(object), once);
    }),
    { numRuns: 300 },
  );
});

test("an update that changes nothing is never refused, however wrong the object is", () => {
  fc.assert(
    fc.property(schemas, values, (schema, value) => {
      const root = customRoot({ type: "object", properties: { spec: schema } });
      const object = { spec: value };
      const correlation = new Correlation(copyOf(object), copyOf(object), root);
      assert.deepEqual(valueProblems(copyOf(object), root.props, { correlation }), []);
    }),
    { numRuns: 300 },
  );
});

test("__proto__ is a field like any other", () => {
  const schema = parseJson(
    '{"type":"object","properties":{"spec":{"type":"object","properties":{"__proto__":{"type":"object","properties":{"polluted":{"type":"string","default":"yes"}}}}}}}',
  ) as unknown as JsonSchemaProps;
  const form = customForm(
    { group: "example.com", version: "v1", kind: "Trap" },
    "TrapList",
    customRoot(schema),
  );
  const body = parseJson('{"kind":"Trap","spec":{"__proto__":{"x":1}},"__proto__":{"y":1}}');
  const { object, unknownFields } = form.decode(body);
  assert.deepEqual(unknownFields, ["__proto__", "spec.__proto__.x"]);
  assert.equal(stringifyJson(form.applyDefaults(object)["spec"]), '{"__proto__":{"polluted":"yes"}}');
  assert.equal(({} as { polluted?: string }).polluted, undefined);
});

test("a value as deep as a body may be is pruned, defaulted and checked", () => {
  let schema: JsonSchemaProps = { type: "string" };
  let text = '"x"';
  for (let depth = 0; depth < 900; depth++) {
    schema = { type: "object", properties: { a: schema } };
    text = `{"a":${text}}`;
  }
  const root = customRoot(schema);
  const value = parseJson(text);
  prune(value, root);
  fillDefaults(value, root);
  assert.deepEqual(valueProblems(value, schema), []);
});

test("a pattern that would take Node's engine for ever ends at once", () => {
  const schema: JsonSchemaProps = { type: "string", pattern: "^(a+)+$" };
  const started = performance.now();
  const [problem] = valueProblems(`${"a".repeat(50_000)}!`, schema);
  assert.ok(problem !== undefined && field.fieldErrorText(problem).includes("should match '^(a+)+$'"));
  assert.ok(performance.now() - started < 2000);
});
