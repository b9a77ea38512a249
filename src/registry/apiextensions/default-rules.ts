import {
  deepClone,
  type FieldError,
  field,
  type Json,
  type JsonObject,
  stringifyJson,
} from "../../apimachinery/index.ts";
import {
  CustomNode,
  coerceEmbedded,
  embeddedProblems,
  FieldProblem,
  type JsonSchemaProps,
  prune,
  readMetadata,
  someSchema,
  valueProblems,
} from "../../schema/index.ts";
import { ruleEngine } from "./rule-engine.ts";
import { schemasOf } from "./shared-fields.ts";
import type { CustomResourceDefinition } from "./types.ts";

const identity = new Set(["metadata", "apiVersion", "kind"]);

/** Defaults are values that their own schema accepts, without fields that it would prune: ValidateDefaults. */
export function defaultProblems(
  schema: JsonSchemaProps,
  path: string,
  place: { readonly old: CustomResourceDefinition | undefined },
): FieldError[] {
  const { old } = place;
  const walk = new DefaultsWalk({ pruned: old === undefined || !hasUnprunedDefaults(old) });
  walk.visit(new CustomNode(schema, true), path, undefined);
  return walk.problems;
}

/** An earlier version of upstream accepted such; they may stay. */
function hasUnprunedDefaults(old: CustomResourceDefinition): boolean {
  return schemasOf(old.spec).some((schema) =>
    someSchema(
      schema,
      (inner) => inner.default !== undefined && !isPruned(inner.default, new CustomNode(inner)),
    ),
  );
}

function isPruned(value: Json, node: CustomNode): boolean {
  const pruned = deepClone(value);
  prune(pruned, node);
  return stringifyJson(pruned) === stringifyJson(value);
}

/** Puts a value where it would stand in an object. */
type Surround = (value: Json) => JsonObject;

class DefaultsWalk {
  readonly problems: FieldError[] = [];
  readonly #pruned: boolean;

  constructor(options: { readonly pruned: boolean }) {
    this.#pruned = options.pruned;
  }

  /** `surround`: inside of metadata, the object around the value. */
  visit(node: CustomNode, path: string, surround: Surround | undefined): void {
    // An embedded resource begins anew.
    const around = node.embedded ? undefined : surround;
    if (node.default !== undefined) this.#check(node, node.default, `${path}.default`, around);
    const { items } = node;
    if (items !== undefined) this.visit(items, `${path}.items`, around && ((value) => around([value])));
    for (const [name, property] of node.properties) {
      const inside: Surround | undefined =
        around !== undefined
          ? (value) => around({ [name]: value })
          : node.embedded && identity.has(name)
            ? (value) => ({ apiVersion: "validation/v1", kind: "Validation", [name]: value })
            : undefined;
      this.visit(property, `${path}.properties[${name}]`, inside);
    }
  }

  #check(node: CustomNode, value: Json, path: string, surround: Surround | undefined): void {
    if (surround !== undefined) {
      const why = metadataFault(surround(deepClone(value)));
      if (why !== undefined)
        this.problems.push(field.invalid(path, value, `must result in valid metadata: ${why}`));
      else this.problems.push(...ownProblems(node, value, path));
      return;
    }
    if (this.#pruned && !isPruned(value, node))
      this.problems.push(field.invalid(path, value, "must not have unknown fields"));
    try {
      coerceEmbedded(deepClone(value), node, []);
    } catch (error) {
      if (!(error instanceof FieldProblem)) throw error;
      const at = error.problem.field === "" ? path : `${path}.${error.problem.field}`;
      this.problems.push({ ...error.problem, field: at });
      return;
    }
    const embedded = embeddedProblems(value, node, node.embedded, path);
    this.problems.push(...(embedded.length > 0 ? embedded : ownProblems(node, value, path)));
  }
}

/** What a value breaks of its schema; of one that breaks nothing else, what it breaks of the schema's rules. */
function ownProblems(node: CustomNode, value: Json, path: string): readonly FieldError[] {
  const problems = valueProblems(value, node.props, { base: path });
  if (problems.length > 0) return problems;
  return ruleEngine(node.props)?.defaultRuleProblems(node, value, path) ?? [];
}

/** Why an object's identity would be wrong. */
function metadataFault(object: JsonObject): string | undefined {
  try {
    if (Object.hasOwn(object, "metadata"))
      object["metadata"] = readMetadata(object["metadata"] as Json, "metadata", []);
  } catch (error) {
    return (error as Error).message;
  }
  const [first] = embeddedProblems(object, new CustomNode({ type: "object" }, true), true);
  return first && field.fieldErrorText(first);
}
