import {
  type CelType,
  CompileError,
  compile,
  Environment,
  escapeName,
  InstantiationError,
  type Program,
  typeOfSchema,
  types,
  type ValueSchema,
} from "../../cel/index.ts";
import { CustomNode, type JsonSchemaProps, type ValidationRule } from "../../schema/index.ts";
import { FieldPathError, fieldPathIn } from "./field-path.ts";

/** One of x-kubernetes-validations, compiled. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: Program | undefined;
  /** Why there is no program. */
  readonly fault: string | undefined;
  readonly message: Program | undefined;
  readonly messageFault: string | undefined;
  readonly usesOldSelf: boolean;
  /** `rule.fieldPath` as errors print it; "" for none. */
  readonly fieldPath: string;
}

/** Rules stand in structural schemas only, in which items have one schema. */
const seen = (schema: JsonSchemaProps): ValueSchema => schema as ValueSchema;

/** The type of values of a schema; undefined for those that expressions cannot see. */
export function ruleType(schema: JsonSchemaProps, isResource: boolean): CelType | undefined {
  return typeOfSchema(seen(schema), { isResource });
}

/** The type of a declared property, by way of its parent's where its name can be written in an expression. */
export function propertyType(parent: CelType, name: string, schema: JsonSchemaProps): CelType | undefined {
  const escaped = escapeName(name);
  if (escaped === undefined)
    return typeOfSchema(seen(schema), { isResource: schema["x-kubernetes-embedded-resource"] === true });
  return parent.fields?.().get(escaped)?.type;
}

/** The type of what a list or a map holds. */
export function elementType(parent: CelType): CelType | undefined {
  return parent.kind === "list" ? parent.params[0] : parent.kind === "map" ? parent.params[1] : undefined;
}

/** Compiles the rules of one schema; `self` is what they call the value. */
export function compileRules(
  rules: readonly ValidationRule[],
  schema: JsonSchemaProps,
  self: CelType,
): CompiledRule[] {
  return rules.map((rule) => compileRule(rule, schema, self));
}

function compileRule(rule: ValidationRule, schema: JsonSchemaProps, self: CelType): CompiledRule {
  const empty = { rule, program: undefined, fault: undefined, message: undefined, messageFault: undefined };
  if (rule.rule.trim() === "") return { ...empty, usesOldSelf: false, fieldPath: "" };
  const oldSelf = rule.optionalOldSelf === true ? types.optional(self) : self;
  const environment = new Environment({ self, oldSelf });
  const compiled = compiledAs(rule.rule, environment, {
    kind: "bool",
    another: "cel expression must evaluate to a bool",
    uncompiled: "compilation failed",
    uninstantiated: "program instantiation failed",
  });
  if (typeof compiled === "string") return { ...empty, fault: compiled, usesOldSelf: false, fieldPath: "" };
  const message = rule.messageExpression
    ? compiledAs(rule.messageExpression, environment, {
        kind: "string",
        another: "messageExpression must evaluate to a string",
        uncompiled: "messageExpression compilation failed",
        uninstantiated: "messageExpression instantiation failed",
      })
    : undefined;
  return {
    rule,
    program: compiled,
    fault: undefined,
    message: typeof message === "string" ? undefined : message,
    messageFault: typeof message === "string" ? message : undefined,
    usesOldSelf: compiled.uses("oldSelf"),
    fieldPath: rule.fieldPath ? printedPath(rule.fieldPath, schema) : "",
  };
}

interface Wanted {
  readonly kind: CelType["kind"];
  /** What is said of a program of another type, and of what there is no program for. */
  readonly another: string;
  readonly uncompiled: string;
  readonly uninstantiated: string;
}

/** A program of the type that is wanted, or why there is none. */
function compiledAs(source: string, environment: Environment, wanted: Wanted): Program | string {
  try {
    const program = compile(source, environment);
    return program.type.kind === wanted.kind ? program : wanted.another;
  } catch (error) {
    if (error instanceof CompileError) return `${wanted.uncompiled}: ${error.message}`;
    if (error instanceof InstantiationError) return `${wanted.uninstantiated}: ${error.message}`;
    throw error;
  }
}

function printedPath(fieldPath: string, schema: JsonSchemaProps): string {
  try {
    return fieldPathIn(fieldPath, new CustomNode(schema), { brackets: true }).path;
  } catch (error) {
    if (error instanceof FieldPathError) return "";
    throw error;
  }
}
