import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { StatusError } from "../../src/apimachinery/index.ts";
import { compile, Environment, Failure, fromJson, typeOfSchema, types } from "../../src/cel/index.ts";
import { create, openRegistry } from "./open-registry.ts";

interface Rule {
  readonly rule: string;
  readonly messageExpression?: string;
}

interface Recorded {
  readonly compiled: {
    readonly schema: object;
    /** `problems`: the causes of the refusal, each with its field below the schema. */
    readonly rules: readonly (Rule & { readonly problems?: readonly string[] })[];
  };
  readonly evaluated: {
    readonly schema: object;
    readonly object: object;
    readonly rules: readonly (Rule & { readonly message: string })[];
  };
}

const file = new URL("../fixtures/kubernetes/expression-rules.json", import.meta.url);
const { compiled, evaluated }: Recorded = JSON.parse(readFileSync(file, "utf8"));

function definition(rule: Rule): object {
  return definitionOf({ ...compiled.schema, "x-kubernetes-validations": [rule] });
}

function definitionOf(spec: object): object {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "ts.x.io" },
    spec: {
      group: "x.io",
      names: { plural: "ts", kind: "T" },
      scope: "Namespaced",
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec } } },
        },
      ],
    },
  };
}

test("rules of custom resources are taken or refused with the words and estimated costs of kube-apiserver", async () => {
  const { handler, registry } = openRegistry();
  const definitions = handler({
    group: "apiextensions.k8s.io",
    version: "v1",
    resource: "customresourcedefinitions",
  });
  for (const { problems, ...rule } of compiled.rules) {
    let found: string[] | undefined;
    try {
      await create(definitions, definition(rule), { dryRun: true });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const causes = error.status.details?.causes ?? [];
      found = causes.map(
        ({ field = "", message }) => `${field.replace("spec.validation.openAPIV3Schema", "")}: ${message}`,
      );
    }
    assert.deepEqual(found, problems, JSON.stringify(rule));
  }
  await registry.close();
});

test("a default that breaks the rules of its schema is refused, and so is one that its first appearance would break", async () => {
  const { handler, registry } = openRegistry();
  const definitions = handler({
    group: "apiextensions.k8s.io",
    version: "v1",
    resource: "customresourcedefinitions",
  });
  const text = { type: "string", maxLength: 9 };
  const withDefault = (value: unknown, ...rules: (Rule & { optionalOldSelf?: boolean })[]) => ({
    type: "object",
    properties: { a: { ...text, default: value, "x-kubernetes-validations": rules } },
  });
  for (const [schema, why] of [
    [
      withDefault("x", { rule: "self == 'y'", messageExpression: "'got ' + self" }),
      `Invalid value: "x": got x`,
    ],
    [withDefault("x", { rule: "self != oldSelf" }), `Invalid value: "x": failed rule: self != oldSelf`],
    [
      withDefault("x", { rule: "self == oldSelf.orValue('q')", optionalOldSelf: true }),
      `Invalid value: "x": failed rule: self == oldSelf.orValue('q')`,
    ],
    [withDefault("x", { rule: "self == oldSelf" }), undefined],
    [withDefault("x", { rule: "self == 'x'" }), undefined],
  ] as const) {
    const message = await create(definitions, definitionOf(schema), { dryRun: true }).then(
      () => undefined,
      (error: unknown) => (error as StatusError).status.details?.causes?.[0]?.message,
    );
    assert.equal(message, why);
  }
  await registry.close();
});

test("rules that an object breaks say what kube-apiserver says", () => {
  const self = typeOfSchema(evaluated.schema) ?? types.dyn;
  const environment = new Environment({ self, oldSelf: self });
  const values = { self: fromJson(evaluated.object, self) };
  const run = (source: string) => compile(source, environment).evaluate(values);
  for (const { rule, messageExpression, message } of evaluated.rules) {
    const result = run(rule);
    let said = `failed rule: ${rule}`;
    if (result instanceof Failure) said = `${result.message} evaluating rule: ${rule}`;
    else if (messageExpression !== undefined) {
      const text = run(messageExpression);
      if (typeof text === "string" && text.trim() !== "" && !text.includes("\n")) said = text;
    }
    assert.notEqual(result, true, rule);
    assert.equal(said, message, messageExpression ?? rule);
  }
});
