import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AuthorizerValue,
  Budget,
  CompileError,
  CostExceeded,
  compile,
  Environment,
  Failure,
  formatType,
  fromJson,
  InstantiationError,
  type Program,
  toJson,
  typeOfSchema,
  types,
  type Value,
  type ValueSchema,
} from "../../src/cel/index.ts";

const selfSchema: ValueSchema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        replicas: { type: "integer" },
        ratio: { type: "number" },
        "a-b": { type: "string" },
        namespace: { type: "string" },
        when: { type: "string", format: "date-time" },
        port: { "x-kubernetes-int-or-string": true },
        zones: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" },
      },
    },
  },
};
const self = typeOfSchema(selfSchema, { isResource: true }) ?? types.dyn;
const environment = new Environment({ object: types.dyn, self, authorizer: types.dyn });
const values: Record<string, Value> = {
  object: fromJson({ replicas: 3, list: [{ foo: 1 }, { foo: 2 }], nothing: null, big: 2n ** 62n }),
  self: fromJson(
    {
      metadata: { name: "x" },
      spec: {
        replicas: 2,
        ratio: 1,
        "a-b": "y",
        namespace: "n",
        when: "2021-01-01T00:00:00Z",
        zones: ["a", "b"],
      },
    },
    self,
  ),
};

function run(source: string): unknown {
  let program: Program;
  try {
    program = compile(source, environment);
  } catch (error) {
    if (error instanceof InstantiationError) return `not instantiated: ${error.message}`;
    throw error;
  }
  const result = program.evaluate(values);
  return result instanceof Failure ? `failed: ${result.message}` : (toJson(result) ?? result);
}

function refusal(source: string): string {
  try {
    compile(source, environment);
  } catch (error) {
    assert.ok(error instanceof CompileError, String(error));
    return error.message;
  }
  assert.fail(`${source} compiled`);
}

const operands =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

test("errors of expressions that do not compile are cel-go's, with line and caret", () => {
  assert.equal(
    refusal("object.nope +"),
    `ERROR: <input>:1:14: Syntax error: mismatched input '<EOF>' expecting ${operands}\n | object.nope +\n | .............^`,
  );
  assert.equal(
    refusal("object.nope("),
    `ERROR: <input>:1:13: Syntax error: mismatched input '<EOF>' expecting ${operands.replace("'(',", "'(', ')',")}\n | object.nope(\n | ............^`,
  );
  assert.equal(
    refusal("object.spec..x"),
    "ERROR: <input>:1:13: Syntax error: no viable alternative at input '..'\n | object.spec..x\n | ............^",
  );
  assert.equal(
    refusal("self.nope == 1"),
    "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope == 1\n | ....^",
  );
  assert.equal(
    refusal("self.spec.replicas == 'a' &&\n nothing"),
    [
      "ERROR: <input>:1:20: found no matching overload for '_==_' applied to '(int, string)'",
      " | self.spec.replicas == 'a' &&",
      " | ...................^",
      "ERROR: <input>:2:2: undeclared reference to 'nothing' (in container '')",
      " |  nothing",
      " | .^",
    ].join("\n"),
  );
  assert.match(refusal("'a'.matches('(')"), /invalid matches argument/);
  assert.match(refusal("[1, 'a']"), /expected type 'int' but found 'string'/);
});

test("the checker knows the type of what comes out", () => {
  const typeOf = (source: string): string => formatType(compile(source, environment).type);
  assert.equal(typeOf("1 + 1"), "int");
  assert.equal(typeOf("object.a"), "dyn");
  assert.equal(typeOf("[1].map(x, string(x))"), "list(string)");
  assert.equal(typeOf("self.?spec.?replicas"), "optional_type(int)");
  assert.equal(typeOf("timestamp('2020-01-01T00:00:00Z')"), "google.protobuf.Timestamp");
});

const examples: readonly (readonly [string, unknown])[] = [
  ["9223372036854775807 + 1", "failed: integer overflow"],
  ["object.big * 2", "failed: integer overflow"],
  ["1 / 0", "failed: division by zero"],
  ["object.missing == 1", "failed: no such key: missing"],
  ["object.list[5]", "failed: index out of bounds: 5"],
  ["object.nothing == null", true],
  ["1 / 0 == 1 || true", true],
  ["false && 1 / 0 == 1", false],
  ["object.list.exists(x, x.bar == 1 || x.foo == 2)", true],
  ["object.list.all(i, x, i + 1 == x.foo)", true],
  ["[3, 1, 2].sortBy(x, -x)", [3n, 2n, 1n]],
  ["{'a': 1}.transformMap(k, v, v + 1)", { a: 2n }],
  ["object.?missing.?deep.orValue('none')", "none"],
  ["object.?replicas.optMap(x, x * 2).value()", 6n],
  ["dyn(1) == 1.0 && dyn(1u) == 1", true],
  ["type(object.replicas) == int && type(self.spec.ratio) == double", true],
  ["self.spec.a__dash__b + self.spec.__namespace__", "yn"],
  ["self.spec.a__dash__b + self.spec.namespace", "yn"],
  ["self.spec.when.getFullYear()", 2021n],
  ["self.spec.when + duration('36h') == timestamp('2021-01-02T12:00:00Z')", true],
  ["self.spec.zones == ['b', 'a']", true],
  ["self.metadata.name", "x"],
  ["'%s has %d of %.1f'.format([dyn('a'), 2, 2.0 / 3.0])", "a has 2 of 0.7"],
  ["'a,b,,c'.split(',', 3)", ["a", "b", ",c"]],
  ["'héllo'.charAt(1) + string('héllo'.size())", "é5"],
  ["'abc 123 de45'.findAll('[0-9]+')", ["123", "45"]],
  ["'tacocat'.lastIndexOf('a', 4)", 1n],
  [
    "quantity('1Gi') == quantity('1024Mi') && quantity('1').add(quantity('500m')).isGreaterThan(quantity('1'))",
    true,
  ],
  ["cidr('10.0.0.0/8').containsIP('10.1.1.1') && ip('fe80::1').isLinkLocalUnicast()", true],
  ["isIP('::ffff:1.2.3.4') || isCIDR('1.2.3.4/33')", false],
  ["url('https://a.example:80/p q?k=1&k=2').getQuery()['k']", ["1", "2"]],
  ["semver('1.10.0').isGreaterThan(semver('v1.9', true))", true],
  ["format.dns1123Label().validate('a-b').hasValue()", false],
  ["sets.intersects([1, 2], [2, 3]) && sets.contains([1, 2], [1])", true],
  ["[1, 2, 3].isSorted() && [1.5, 2.5].sum() == 4.0", true],
  ['r\'\\d\' + \'\\u00e9\' + """a\nb"""', "\\dé" + "a\nb"],
  ["string(b'\\xff')", "not instantiated: invalid UTF-8 in bytes, cannot convert to string"],
];

test("expressions have the values that cel-go gives them", () => {
  for (const [source, wanted] of examples) assert.deepEqual(run(source), wanted, source);
});

test("an expression asks the authorizer for somebody else", () => {
  const asked: unknown[] = [];
  const authorizer = new AuthorizerValue((check) => {
    asked.push(check);
    return { allowed: check.verb === "get", reason: "" };
  });
  const program = compile(
    "authorizer.serviceAccount('n', 'robot').group('apps').resource('deployments').namespace('n').check('get').allowed()",
    new Environment({ authorizer: types.opaque("kubernetes.authorization.Authorizer") }),
  );
  assert.equal(program.evaluate({ authorizer }), true);
  assert.deepEqual(asked, [
    {
      serviceAccount: { namespace: "n", name: "robot" },
      verb: "get",
      resource: {
        group: "apps",
        resource: "deployments",
        subresource: "",
        namespace: "n",
        name: "",
        fieldSelector: "",
        labelSelector: "",
      },
    },
  ]);
});

test("an evaluation ends when its budget is spent, and regular expressions do not backtrack", () => {
  const loops = compile("lists.range(1000).all(x, lists.range(1000).all(y, x + y >= 0))", environment);
  assert.throws(() => loops.evaluate(values), CostExceeded);
  const doubling = compile(
    `[${"0,".repeat(63)}0].map(x, 'aaaaaaaaaaaaaaaa').join('').matches('(a+)+$b')`,
    environment,
  );
  assert.equal(doubling.evaluate(values), false);
  const budget = new Budget(100);
  assert.equal(compile("object.replicas > 1", environment).evaluate(values, budget), true);
  assert.equal(budget.spent, 3);
});

test("deep and long expressions are refused, not followed until the stack ends", () => {
  assert.match(
    refusal(`${"(".repeat(5_000)}1${")".repeat(5_000)}`),
    /expression recursion limit exceeded: 250/,
  );
  assert.match(refusal(`1${" + 1".repeat(5_000)}`), /expression recursion limit exceeded: 250/);
  assert.match(refusal(`'${"a".repeat(200_000)}'`), /expression code point size exceeds limit/);
  assert.equal(run(`true${" && true".repeat(5_000)}`), true);
  assert.match(refusal(`${"!".repeat(50_000)}a${"[".repeat(10_000)}`), /recursion limit|undeclared|Syntax/);
});

test("names that objects inherit are no fields and no functions", () => {
  assert.equal(run("has(object.constructor) || 'toString' in object"), false);
  assert.equal(run("object.__proto__"), "failed: no such key: __proto__");
  assert.match(refusal("constructor(1)"), /undeclared reference to 'constructor'/);
  assert.match(refusal("toString == 1"), /undeclared reference to 'toString'/);
});
