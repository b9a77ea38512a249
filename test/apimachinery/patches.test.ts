import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  type Json,
  type JsonObject,
  StatusError,
} from "../../src/apimachinery/index.ts";
import { schemaOfKind } from "../../src/schema/index.ts";

const podSchema = schemaOfKind({ group: "", version: "v1", kind: "Pod" });
assert.ok(podSchema !== undefined);
const schema = podSchema;

function code(run: () => unknown): number {
  try {
    run();
    return 200;
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return error.code;
  }
}

test("JSON patch operations do what RFC 6902 says", () => {
  const cases: [Json, Json, Json][] = [
    [{ foo: "bar" }, [{ op: "add", path: "/baz", value: "qux" }], { foo: "bar", baz: "qux" }],
    [{ foo: ["bar", "baz"] }, [{ op: "add", path: "/foo/1", value: "qux" }], { foo: ["bar", "qux", "baz"] }],
    [{ foo: ["a"] }, [{ op: "add", path: "/foo/-", value: ["b"] }], { foo: ["a", ["b"]] }],
    [{ foo: ["bar", "qux"] }, [{ op: "remove", path: "/foo/1" }], { foo: ["bar"] }],
    [{ a: { b: 1 }, c: {} }, [{ op: "move", from: "/a/b", path: "/c/d" }], { a: {}, c: { d: 1 } }],
    [
      { foo: ["all", "grass", "cows", "eat"] },
      [{ op: "move", from: "/foo/1", path: "/foo/3" }],
      { foo: ["all", "cows", "eat", "grass"] },
    ],
    [{ "/": 9, "~1": 10 }, [{ op: "test", path: "/~01", value: 10 }], { "/": 9, "~1": 10 }],
    [{ a: { x: [1], y: 2 } }, [{ op: "test", path: "/a", value: { y: 2, x: [1] } }], { a: { x: [1], y: 2 } }],
  ];
  for (const [document, patch, expected] of cases) {
    const before = JSON.stringify(document);
    assert.deepEqual(applyJsonPatch(document, patch), expected);
    assert.equal(JSON.stringify(document), before, "the document is not changed");
  }
});

test("JSON patch deviates where upstream does", () => {
  assert.deepEqual(applyJsonPatch({}, [{ op: "replace", path: "/a", value: 1 }]), { a: 1 });
  assert.deepEqual(applyJsonPatch({}, [{ op: "add", path: "ignored/a", value: 1 }]), { a: 1 });
  assert.deepEqual(applyJsonPatch({ a: [1, 2] }, [{ op: "remove", path: "/a/-1" }]), { a: [1] });
  assert.deepEqual(applyJsonPatch({ a: 1 }, [{ op: "test", path: "/b", value: null }]), { a: 1 });
  assert.deepEqual(applyJsonPatch({ a: 1 }, null), { a: 1 });
});

test("a JSON patch that cannot be applied is 422, one that is none 400, one too long 413", () => {
  for (const operation of [
    { op: "remove", path: "/x" },
    { op: "add", path: "/a/b/c", value: 1 },
    { op: "add", path: "/l/5", value: 1 },
    { op: "replace", path: "/l/2", value: 1 },
    { op: "test", path: "/a", value: 2 },
    { op: "add", path: "", value: 1 },
    { op: "remove", path: "/__proto__" },
    { op: "explode", path: "/a" },
  ]) {
    assert.equal(
      code(() => applyJsonPatch({ a: 1, l: [1] }, [operation])),
      422,
      JSON.stringify(operation),
    );
  }
  assert.equal(
    code(() => applyJsonPatch({}, {})),
    400,
  );
  assert.equal(
    code(() => applyJsonPatch({}, [{ op: 1 }])),
    400,
  );
  assert.equal(
    code(() => applyJsonPatch({}, Array(10_001).fill({ op: "remove", path: "/a" }))),
    413,
  );
});

test("copies cannot multiply a document without a bound", () => {
  const doubling = Array.from({ length: 60 }, () => ({ op: "copy", from: "/a", path: "/a/-" }));
  assert.equal(
    code(() => applyJsonPatch({ a: ["x".repeat(1_000)] }, doubling)),
    422,
  );
});

test("a merge patch does what RFC 7386 says", () => {
  const cases: [Json, Json, Json][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  ];
  for (const [document, patch, expected] of cases)
    assert.deepEqual(applyMergePatch(document, patch), expected);
  assert.equal(
    code(() => applyMergePatch({}, [])),
    400,
  );
  assert.equal(
    code(() => applyMergePatch({}, null)),
    400,
  );
});

test("merging twice is merging once, whatever the patch", () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }));
  fc.assert(
    fc.property(object, object, (document, patch) => {
      const once = applyMergePatch(document as Json, patch as Json);
      assert.deepEqual(applyMergePatch(once, patch as Json), once);
    }),
  );
});

const pod = (spec: JsonObject): JsonObject => ({ spec });

test("a strategic patch merges keyed lists and sets, and replaces the others", () => {
  const document = pod({
    containers: [{ name: "a", image: "1", args: ["x"] }, { name: "b" }],
    tolerations: [{ key: "k" }],
  });
  const patch = pod({ containers: [{ name: "a", image: "2" }, { name: "c" }], tolerations: [{ key: "z" }] });
  assert.deepEqual(
    applyStrategicMergePatch(document, patch, schema),
    pod({
      containers: [{ name: "a", image: "2", args: ["x"] }, { name: "c" }, { name: "b" }],
      tolerations: [{ key: "z" }],
    }),
  );
  const finalizers = { metadata: { finalizers: ["a", "b"] } };
  assert.deepEqual(applyStrategicMergePatch(finalizers, { metadata: { finalizers: ["c", "a"] } }, schema), {
    metadata: { finalizers: ["c", "a", "b"] },
  });
});

test("strategic directives delete, replace, retain, order and drop values", () => {
  const document = pod({
    containers: [{ name: "a", args: ["1", "2"] }, { name: "b" }],
    nodeSelector: { x: "1", y: "2" },
  });
  const cases: [JsonObject, JsonObject][] = [
    [{ containers: [{ name: "b", $patch: "delete" }] }, { containers: [{ name: "a", args: ["1", "2"] }] }],
    [{ containers: [{ $patch: "replace" }, { name: "c" }] }, { containers: [{ name: "c" }] }],
    [{ nodeSelector: { $patch: "replace", z: "3" } }, { nodeSelector: { z: "3" } }],
    [{ nodeSelector: { $patch: "delete" } }, { nodeSelector: {} }],
    [{ nodeSelector: { $retainKeys: ["y"], y: "9" } }, { nodeSelector: { y: "9" } }],
    [
      { containers: [{ name: "a", "$deleteFromPrimitiveList/args": ["1"] }] },
      { containers: [{ name: "a", args: ["2"] }, { name: "b" }] },
    ],
    [
      { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] },
      { containers: [{ name: "b" }, { name: "a", args: ["1", "2"] }] },
    ],
    [{ nodeSelector: null }, { nodeSelector: undefined as unknown as Json }],
    [{ volumes: [{ name: "v", $patch: "delete" }] }, { volumes: [] }],
  ];
  for (const [patch, changed] of cases) {
    const expected = JSON.parse(JSON.stringify(pod({ ...(document.spec as JsonObject), ...changed })));
    assert.deepEqual(applyStrategicMergePatch(document, pod(patch), schema), expected, JSON.stringify(patch));
  }
});

test("a strategic patch that is malformed is answered as upstream does", () => {
  const document = pod({ containers: [{ name: "a" }], nodeSelector: { x: "1" } });
  const cases: [Json, number, string][] = [
    [[], 400, "json: cannot unmarshal array into Go value of type map[string]interface {}"],
    [
      pod({ containers: [{ image: "q" }] }),
      500,
      "map: map[image:q] does not contain declared merge key: name",
    ],
    [pod({ nodeSelector: { $patch: "odd" } }), 500, "unknown patch type: odd in map: map[$patch:odd]"],
    [pod({ nodeSelector: { $retainKeys: ["a"], b: "1" } }), 400, "invalid patch format of retainKeys"],
    [pod({ $deleteFromPrimitiveList: [] }), 400, "invalid patch format of primitive list"],
    [pod({ "$setElementOrder/containers": "x" }), 500, "expected a []interface {}, but received a string"],
  ];
  for (const [patch, status, message] of cases) {
    assert.throws(
      () => applyStrategicMergePatch(document, patch, schema),
      (error) => error instanceof StatusError && error.code === status && error.message === message,
      JSON.stringify(patch),
    );
  }
});

test("a strategic patch ends in a value or a Status, whatever it holds", () => {
  const value = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<Json>(null, 1, "a", "delete", "replace", true),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          "spec",
          "containers",
          "name",
          "ports",
          "$patch",
          "$retainKeys",
          "$setElementOrder/containers",
          "$deleteFromPrimitiveList/finalizers",
          "metadata",
          "finalizers",
          "__proto__",
        ),
        tie("value"),
        { maxKeys: 4 },
      ),
    ) as fc.Arbitrary<Json>,
  })).value;
  const object = fc.dictionary(fc.constantFrom("spec", "metadata"), value);
  fc.assert(
    fc.property(object, value, (document, patch) => {
      const before = JSON.stringify(document);
      assert.ok([200, 400, 422, 500].includes(code(() => applyStrategicMergePatch(document, patch, schema))));
      assert.equal(JSON.stringify(document), before, "the document is not changed");
    }),
    { numRuns: 2_000 },
  );
});

test("a JSON patch leaves the members of what it looked into sorted, as errors quote them, and the rest as it was", () => {
  const patched = applyJsonPatch({ z: { b: 1, c: 2 }, m: { y: 1, x: 2 } }, [
    { op: "add", path: "/z/a", value: { n: 1, d: 2 } },
  ]);
  assert.equal(JSON.stringify(patched), '{"m":{"y":1,"x":2},"z":{"a":{"n":1,"d":2},"b":1,"c":2}}');
});
