import type { Call, Comprehension, Expression, Select, StructExpression } from "./ast.ts";
import type { Environment } from "./environment.ts";
import type { FunctionDeclaration, Overload } from "./functions.ts";
import { CompileError, type CompileProblem } from "./source.ts";
import { type CelType, describeType, isDyn, sameType, types, unwrapOptional } from "./types.ts";
import { mostGeneral, Substitution } from "./unification.ts";

/** What checking found out about a tree. */
export interface Checked {
  readonly type: CelType;
  /** The type of every node, parameters resolved. */
  typeOf(expression: Expression): CelType;
  /** The overloads that may run for a call; which one is known only by its arguments if there are several. */
  readonly overloads: ReadonlyMap<Call, readonly Overload[]>;
  /** Selections that are names with dots: `google.protobuf.Timestamp`, `optional.none`. */
  readonly names: ReadonlyMap<Expression, string>;
}

/**
 * Finds the type of every node of an expression, by cel-go's rules and with its errors.
 * @throws CompileError
 */
export function check(source: string, expression: Expression, environment: Environment): Checked {
  const checker = new Checker(environment);
  checker.check(expression);
  if (checker.problems.length > 0) throw new CompileError(source, checker.problems);
  return {
    type: checker.typeOf(expression),
    typeOf: (of) => checker.typeOf(of),
    overloads: checker.overloads,
    names: checker.names,
  };
}

class Checker {
  readonly problems: CompileProblem[] = [];
  readonly overloads = new Map<Call, readonly Overload[]>();
  readonly names = new Map<Expression, string>();
  readonly #environment: Environment;
  readonly #types = new Map<Expression, CelType>();
  readonly #substitution = new Substitution();
  readonly #scopes: Map<string, CelType>[] = [];
  #freshParams = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  typeOf(expression: Expression): CelType {
    return this.#substitution.resolve(this.#types.get(expression) ?? types.error, true);
  }

  check(expression: Expression): CelType {
    const type = this.#find(expression);
    this.#types.set(expression, type);
    return type;
  }

  #report(offset: number, message: string): CelType {
    this.problems.push({ offset, message });
    return types.error;
  }

  #resolve(type: CelType): CelType {
    return this.#substitution.resolve(type);
  }

  #fresh(): CelType {
    return types.param(`_var${this.#freshParams++}`);
  }

  #find(expression: Expression): CelType {
    switch (expression.kind) {
      case "literal":
        return literalType(expression.value);
      case "identifier":
        return this.#lookup(expression.name) ?? this.#undeclared(expression.offset, expression.name);
      case "select":
        return this.#select(expression);
      case "call":
        return this.#call(expression);
      case "list": {
        let element: CelType | undefined;
        for (const { value, isOptional } of expression.elements) {
          const type = this.check(value);
          element = this.#join(element, isOptional ? this.#optionalElement(value, type) : type);
        }
        return types.list(element ?? this.#fresh());
      }
      case "map": {
        let key: CelType | undefined;
        let value: CelType | undefined;
        for (const entry of expression.entries) {
          key = this.#join(key, this.check(entry.key));
          const type = this.check(entry.value);
          value = this.#join(value, entry.isOptional ? this.#optionalElement(entry.value, type) : type);
        }
        return types.map(key ?? this.#fresh(), value ?? this.#fresh());
      }
      case "struct":
        return this.#struct(expression);
      case "comprehension":
        return this.#comprehension(expression);
    }
  }

  #lookup(name: string): CelType | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const found = this.#scopes[i]?.get(name);
      if (found !== undefined) return found;
    }
    return this.#environment.identifierType(name);
  }

  #undeclared(offset: number, name: string): CelType {
    return this.#report(offset, `undeclared reference to '${name}' (in container '')`);
  }

  #select(expression: Select): CelType {
    const name = expression.isTest ? undefined : qualifiedName(expression);
    const named = name === undefined ? undefined : this.#lookup(name);
    if (named !== undefined) {
      this.names.set(expression, name as string);
      return named;
    }
    const type = this.#field(expression.offset, expression.operand, expression.field, false);
    return expression.isTest ? types.bool : this.#resolve(type);
  }

  #field(offset: number, operand: Expression, field: string, isOptional: boolean): CelType {
    const operandType = this.#resolve(this.check(operand));
    const inner = unwrapOptional(operandType);
    const target = inner ?? operandType;
    let result: CelType;
    switch (target.kind) {
      case "map":
        result = target.params[1] as CelType;
        break;
      case "message":
        result = target.fields?.().get(field)?.type ?? this.#report(offset, `undefined field '${field}'`);
        break;
      case "param":
        this.#substitution.assign([types.dyn], [target]);
        result = types.dyn;
        break;
      default:
        if (!isDyn(target)) {
          this.#report(offset, `type '${describeType(target)}' does not support field selection`);
        }
        result = types.dyn;
    }
    return inner !== undefined || isOptional ? types.optional(result) : result;
  }

  #call(expression: Call): CelType {
    const { name, target, args, offset } = expression;
    if (name === "_?._") {
      const [operand, field] = args as [Expression, Expression];
      this.#types.set(field, types.string);
      const text = field.kind === "literal" && typeof field.value === "string" ? field.value : "";
      return this.#resolve(this.#field(offset, operand, text, true));
    }
    for (const arg of args) this.check(arg);
    if (target === undefined) {
      const declaration = this.#environment.functions.get(name);
      if (declaration === undefined) return this.#undeclared(offset, name);
      return this.#overload(expression, declaration, args, false);
    }
    const prefix = qualifiedName(target);
    if (prefix !== undefined) {
      const qualified = this.#environment.functions.get(`${prefix}.${name}`);
      if (qualified !== undefined) {
        this.names.set(expression, qualified.name);
        return this.#overload(expression, qualified, args, false);
      }
    }
    this.check(target);
    const declaration = this.#environment.functions.get(name);
    if (declaration === undefined) return this.#undeclared(offset, name);
    return this.#overload(expression, declaration, [target, ...args], true);
  }

  #overload(
    call: Call,
    declaration: FunctionDeclaration,
    args: readonly Expression[],
    isMember: boolean,
  ): CelType {
    const argTypes = args.map((arg) => this.#types.get(arg) as CelType);
    if (declaration.name === "_&&_" || declaration.name === "_||_") return this.#logical(args, argTypes);
    const matching: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of declaration.overloads) {
      if (overload.isMember !== isMember) continue;
      const instance = new Map<string, CelType>();
      const params = overload.params.map((param) => this.#instantiate(param, instance));
      if (!this.#substitution.assign(argTypes, params)) continue;
      matching.push(overload);
      const type = this.#resolve(this.#instantiate(overload.result, instance));
      if (result === undefined) result = type;
      else if (result.kind !== "dyn" && !sameType(type, result)) result = types.dyn;
    }
    if (result === undefined) {
      const shown = argTypes.map((type) => describeType(this.#substitution.resolve(type, true)));
      const signature = isMember ? `${shown[0]}.(${shown.slice(1).join(", ")})` : `(${shown.join(", ")})`;
      return this.#report(
        call.offset,
        `found no matching overload for '${declaration.name}' applied to '${signature}'`,
      );
    }
    this.overloads.set(call, matching);
    return result;
  }

  #logical(args: readonly Expression[], argTypes: readonly CelType[]): CelType {
    let result = types.bool;
    for (const [index, type] of argTypes.entries()) {
      if (this.#substitution.assign([type], [types.bool])) continue;
      this.#mismatch(args[index] as Expression, types.bool, type);
      result = types.error;
    }
    return result;
  }

  #instantiate(type: CelType, instance: Map<string, CelType>): CelType {
    if (type.kind === "param") {
      const known = instance.get(type.name);
      if (known !== undefined) return known;
      const fresh = this.#fresh();
      instance.set(type.name, fresh);
      return fresh;
    }
    if (type.params.length === 0) return type;
    return { ...type, params: type.params.map((param) => this.#instantiate(param, instance)) };
  }

  #mismatch(at: Expression, wanted: CelType, actual: CelType): CelType {
    return this.#report(
      at.offset,
      `expected type '${describeType(wanted)}' but found '${describeType(actual)}'`,
    );
  }

  #optionalElement(at: Expression, type: CelType): CelType {
    const inner = unwrapOptional(this.#resolve(type));
    if (inner !== undefined) return inner;
    return isDyn(type) ? type : this.#mismatch(at, types.optional(type), type);
  }

  /** Of the elements of a literal. That they differ is not said here (`literal-checks.ts`). */
  #join(previous: CelType | undefined, current: CelType): CelType {
    if (previous === undefined) return current;
    return this.#substitution.assign([previous], [current]) ? mostGeneral(previous, current) : types.dyn;
  }

  #struct(expression: StructExpression): CelType {
    const message = this.#environment.messages.get(expression.name);
    for (const { value } of expression.fields) this.check(value);
    if (message === undefined) return this.#undeclared(expression.offset, expression.name);
    for (const { name, value, isOptional, offset } of expression.fields) {
      const field = message.fields?.().get(name)?.type;
      if (field === undefined) {
        this.#report(offset, `undefined field '${name}'`);
        continue;
      }
      const type = this.#types.get(value) as CelType;
      const actual = isOptional ? this.#optionalElement(value, type) : type;
      if (this.#substitution.assign([field], [actual])) continue;
      this.#report(
        offset,
        `expected type of field '${name}' is '${describeType(field)}' but provided type is '${describeType(actual)}'`,
      );
    }
    return message;
  }

  #comprehension(expression: Comprehension): CelType {
    const { range, variable, variable2 } = expression;
    const rangeType = this.#resolve(this.check(range));
    const accumulatorType = this.check(expression.initial);
    let first: CelType;
    let second: CelType;
    switch (rangeType.kind) {
      case "list":
        second = rangeType.params[0] as CelType;
        first = variable2 === undefined ? second : types.int;
        break;
      case "map":
        [first, second] = rangeType.params as [CelType, CelType];
        break;
      case "dyn":
      case "error":
      case "param":
        this.#substitution.assign([types.dyn], [rangeType]);
        first = second = types.dyn;
        break;
      default:
        first = second = this.#report(
          range.offset,
          `expression of type '${describeType(rangeType)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
    }
    this.#scopes.push(new Map([[expression.accumulator, accumulatorType]]));
    const variables = new Map([[variable, first]]);
    if (variable2 !== undefined) variables.set(variable2, second);
    this.#scopes.push(variables);
    this.#expect(expression.condition, types.bool);
    this.#expect(expression.step, accumulatorType);
    this.#scopes.pop();
    const result = this.check(expression.result);
    this.#scopes.pop();
    return this.#resolve(result);
  }

  #expect(expression: Expression, wanted: CelType): void {
    const actual = this.check(expression);
    if (!this.#substitution.assign([wanted], [actual])) this.#mismatch(expression, wanted, actual);
  }
}

/** `a.b.c` as one name; undefined for any other expression. */
function qualifiedName(expression: Expression): string | undefined {
  if (expression.kind === "identifier") return expression.name;
  if (expression.kind !== "select" || expression.isTest) return undefined;
  const operand = qualifiedName(expression.operand);
  return operand === undefined ? undefined : `${operand}.${expression.field}`;
}

function literalType(value: unknown): CelType {
  switch (typeof value) {
    case "string":
      return types.string;
    case "bigint":
      return types.int;
    case "number":
      return types.double;
    case "boolean":
      return types.bool;
  }
  if (value === null) return types.null;
  return value instanceof Uint8Array ? types.bytes : types.uint;
}
