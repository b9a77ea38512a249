import assert from "node:assert/strict";
import { test } from "node:test";
import {
  errors,
  field,
  formatLabelSelector,
  generateName,
  type LabelSelector,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  type ObjectMeta,
  parseLabelSelector,
  printGoValue,
  scaledValue,
  selectorFromMap,
  selectorFromObject,
  validateLabelSelector,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from "../../src/apimachinery/index.ts";
import { seededPrng } from "../../src/base/index.ts";

const texts = (list: readonly field.FieldError[]): string[] => list.map(field.fieldErrorText);

test("field errors print their values as Go does", () => {
  const cases: [field.FieldError, string][] = [
    [
      field.invalid("spec.ports[0].port", 80_000, "must be between 1 and 65535, inclusive"),
      "spec.ports[0].port: Invalid value: 80000: must be between 1 and 65535, inclusive",
    ],
    [field.invalid("a", 'x"\n\u0001é', "bad"), 'a: Invalid value: "x\\"\\n\\x01é": bad'],
    [field.invalid("a", null, "bad"), "a: Invalid value: null: bad"],
    [field.invalid("a", { b: [1] }, "bad"), 'a: Invalid value: {"b":[1]}: bad'],
    [field.required("a", ""), "a: Required value"],
    [field.notSupported("a", "x", ["b", "a"]), 'a: Unsupported value: "x": supported values: "b", "a"'],
    [field.forbidden("a", "no"), "a: Forbidden: no"],
    [field.duplicate("a", 80), "a: Duplicate value: 80"],
    [field.tooLong("a", 63), "a: Too long: may not be more than 63 bytes"],
    [field.tooMany("a", 5, 1), "a: Too many: 5: must have at most 1 item"],
    [field.notFound("a", "x"), 'a: Not found: "x"'],
    [field.internalError("a", "oops"), "a: Internal error: oops"],
  ];
  for (const [error, text] of cases) assert.equal(field.fieldErrorText(error), text);
});

test("an Invalid lists every error once and every cause", () => {
  const one = field.required("spec.a", "");
  const two = field.invalid("spec.b", 1, "no");
  const { status } = errors.invalid({ group: "apps", kind: "Deployment" }, "d", [one, two, two]);
  assert.equal(
    status.message,
    'Deployment.apps "d" is invalid: [spec.a: Required value, spec.b: Invalid value: 1: no]',
  );
  assert.equal(status.details?.causes?.length, 3);
  assert.deepEqual(errors.invalid({ group: "", kind: "Pod" }, "", [one]).status, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: 'Pod "" is invalid: spec.a: Required value',
    reason: "Invalid",
    details: {
      kind: "Pod",
      causes: [{ reason: "FieldValueRequired", message: "Required value", field: "spec.a" }],
    },
    code: 422,
  });
});

test("failures name their target as upstream does", () => {
  const deployments = { group: "apps", resource: "deployments" };
  const pods = { group: "", resource: "pods" };
  assert.equal(errors.notFound(deployments, "x").message, 'deployments.apps "x" not found');
  assert.equal(errors.alreadyExists(pods, "x").message, 'pods "x" already exists');
  assert.equal(
    errors.conflict(pods, "x").message,
    'Operation cannot be fulfilled on pods "x": the object has been modified; please apply your changes to the latest version and try again',
  );
  assert.equal(errors.forbidden(pods, "", "no").message, "pods is forbidden: no");
  assert.equal(errors.forbidden({ group: "", resource: "" }, "", "no").message, "forbidden: no");
  const tooLarge = errors.tooLargeResourceVersion("9", "3", 1).status;
  assert.equal(tooLarge.message, "Timeout: Too large resource version: 9, current: 3");
  assert.equal(tooLarge.details?.causes?.[0]?.reason, "ResourceVersionTooLarge");
  assert.equal("reason" in errors.plainError("x").status, false);
});

test("metadata is checked with upstream's texts in upstream's order", () => {
  const rules = { namespaced: true, validateName: nameIsDnsSubdomain };
  assert.deepEqual(texts(validateObjectMeta({}, rules)), [
    "metadata.name: Required value: name or generateName is required",
    "metadata.namespace: Required value",
  ]);
  const bad: ObjectMeta = {
    name: "Bad",
    namespace: "a.b",
    generation: -1,
    labels: { "a/b/c": "x y" },
    annotations: { "/x": "", UPPER: "fine" },
    ownerReferences: [{ apiVersion: "v1", kind: "Event", name: "", uid: "u" }],
    finalizers: ["orphan", "foregroundDeletion"],
  };
  assert.deepEqual(
    texts(validateObjectMeta(bad, rules)).map((text) => text.split(": ").slice(0, 2).join(": ")),
    [
      "metadata.name: Invalid value",
      "metadata.namespace: Invalid value",
      "metadata.generation: Invalid value",
      "metadata.labels: Invalid value",
      "metadata.labels: Invalid value",
      "metadata.annotations: Invalid value",
      "metadata.ownerReferences.name: Invalid value",
      "metadata.ownerReferences: Invalid value",
      "metadata.finalizers: Invalid value",
    ],
  );
  assert.deepEqual(
    texts(validateObjectMeta({ name: "a", namespace: "b" }, { ...rules, namespaced: false })),
    ["metadata.namespace: Forbidden: not allowed on this type"],
  );
  const large = { name: "a", namespace: "b", annotations: { k: "x".repeat(256 * 1024) } };
  assert.deepEqual(texts(validateObjectMeta(large, rules)), [
    "metadata.annotations: Too long: may not be more than 262144 bytes",
  ]);
});

test("what identifies an object cannot change", () => {
  const old: ObjectMeta = {
    name: "a",
    namespace: "n",
    uid: "1",
    resourceVersion: "5",
    generation: 2,
    creationTimestamp: "t",
  };
  assert.deepEqual(validateObjectMetaUpdate({ ...old, labels: { a: "b" } }, old), []);
  const { resourceVersion: _none, ...without } = old;
  assert.deepEqual(texts(validateObjectMetaUpdate({ ...without, name: "b", uid: "2", generation: 1 }, old)), [
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
    "metadata.generation: Invalid value: 1: must not be decremented",
    'metadata.name: Invalid value: "b": field is immutable',
    'metadata.uid: Invalid value: "2": field is immutable',
  ]);
  const dying = { ...old, deletionTimestamp: "t", finalizers: ["x/a"] };
  assert.deepEqual(texts(validateObjectMetaUpdate({ ...dying, finalizers: ["x/a", "x/b"] }, dying)), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/b"}',
  ]);
});

test("a generated name is the base and five characters that spell nothing, at most 63 long, and valid", () => {
  const random = seededPrng(7);
  assert.match(generateName("web-", random), /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.equal(generateName("x".repeat(100), random).length, 63);
  assert.deepEqual(nameIsDnsLabel("web-", true), []);
  assert.notDeepEqual(nameIsDnsLabel("web-", false), []);
});

test("selectors match labels as upstream's do", () => {
  const labels = { app: "web", tier: "a", n: "5", __proto__x: "1" };
  const cases: Record<string, boolean> = {
    "": true,
    "app=web": true,
    "app!=web": false,
    "missing!=x": true,
    "app in (api,web),!gone": true,
    "tier notin (a)": false,
    "n>4": true,
    "n<5": false,
    "app>1": false,
    app: true,
    constructor: false,
  };
  for (const [text, expected] of Object.entries(cases)) {
    assert.equal(parseLabelSelector(text).matches(labels), expected, text);
  }
  assert.equal(selectorFromMap({ app: "web" }).matches(labels), true);
  assert.equal(selectorFromObject(undefined).matches(labels), false);
  assert.equal(selectorFromObject({}).matches(undefined), true);
});

test("selector objects are printed and checked as upstream's", () => {
  const selector: LabelSelector = {
    matchLabels: { b: "1" },
    matchExpressions: [
      { key: "a", operator: "In", values: ["y", "x"] },
      { key: "c", operator: "DoesNotExist" },
    ],
  };
  assert.equal(formatLabelSelector(selector), "a in (x,y),b=1,!c");
  assert.equal(formatLabelSelector({}), "<none>");
  assert.equal(formatLabelSelector({ matchLabels: { "": "" } }), "<error>");
  const bad = {
    matchExpressions: [
      { key: "a", operator: "In" },
      { key: "b", operator: "Exists", values: ["x"] },
      { key: "c", operator: "Like" },
    ],
  } as unknown as LabelSelector;
  assert.deepEqual(texts(validateLabelSelector(bad, "spec.selector")), [
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    'spec.selector.matchExpressions[2].operator: Invalid value: "Like": not a valid selector operator',
  ]);
});

test("name checks take linear time", () => {
  const long = `${"a-".repeat(200_000)}!`;
  const errorsOf = validateObjectMeta(
    { name: long, namespace: "n", labels: { [long]: long } },
    {
      namespaced: true,
      validateName: nameIsDnsSubdomain,
    },
  );
  assert.ok(errorsOf.length > 0);
});

test("shares and Go's printing of values", () => {
  assert.equal(scaledValue("25%", 10, true), 3);
  assert.equal(scaledValue("25%", 10, false), 2);
  assert.equal(scaledValue(4, 10, true), 4);
  assert.equal(scaledValue("x", 10, true), undefined);
  assert.equal(printGoValue({ b: [1, "x"], a: null }), "map[a:<nil> b:[1 x]]");
});
