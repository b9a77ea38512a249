import type {
  Call,
  Comprehension,
  Expression,
  ListExpression,
  MapExpression,
  StructExpression,
} from "./ast.ts";
import type { Budget } from "./budget.ts";
import type { Checked } from "./checker.ts";
import { costOf, listCost, mapCost, resultOf, selectCost, structCost } from "./cost.ts";
import { type Environment, typeNamed } from "./environment.ts";
import { fits, type Overload } from "./functions.ts";
import { index, indexOptional, operators, select, selectOptional } from "./operators.ts";
import type { CelField } from "./types.ts";
import {
  ArrayList,
  Failure,
  fail,
  keyText,
  ListValue,
  LiteralMap,
  MapValue,
  noSuchOverload,
  Optional,
  type Result,
  TypeValue,
  typeNameOf,
  type Value,
} from "./values.ts";

/** One evaluation: the variables given, those of loops, and what may still be spent. */
interface Frame {
  readonly variables: Readonly<Record<string, Value | undefined>>;
  readonly locals: Result[];
  readonly budget: Budget;
}

export type Step = (frame: Frame) => Result;

/** A checked tree as nested closures: an expression runs without looking at its tree again. */
export function plan(
  expression: Expression,
  checked: Checked,
  environment: Environment,
): { step: Step; locals: number; variables: ReadonlySet<string> } {
  const planner = new Planner(checked, environment);
  return { step: planner.plan(expression), locals: planner.locals, variables: planner.variables };
}

class Planner {
  /** How many slots the variables of loops take. */
  locals = 0;
  readonly variables = new Set<string>();
  readonly #checked: Checked;
  readonly #environment: Environment;
  /** Where loops keep their variables, innermost last. */
  readonly #scope: { readonly name: string; readonly slot: number }[] = [];

  constructor(checked: Checked, environment: Environment) {
    this.#checked = checked;
    this.#environment = environment;
  }

  plan(expression: Expression): Step {
    switch (expression.kind) {
      case "literal": {
        const { value } = expression;
        return () => value;
      }
      case "identifier":
        return this.#identifier(expression.name);
      case "select": {
        const name = this.#checked.names.get(expression);
        if (name !== undefined) return this.#identifier(name);
        const operand = this.plan(expression.operand);
        const { field, isTest } = expression;
        return (frame) => {
          const target = operand(frame);
          // `has` itself is free, as upstream has kept it.
          if (!isTest) frame.budget.spend(selectCost);
          return target instanceof Failure ? target : select(target, field, isTest);
        };
      }
      case "call":
        return this.#call(expression);
      case "list":
        return this.#list(expression);
      case "map":
        return this.#map(expression);
      case "struct":
        return this.#struct(expression);
      case "comprehension":
        return this.#comprehension(expression);
    }
  }

  #identifier(name: string): Step {
    for (let i = this.#scope.length - 1; i >= 0; i--) {
      const found = this.#scope[i];
      if (found?.name !== name) continue;
      const { slot } = found;
      return ({ locals, budget }) => {
        budget.spend(selectCost);
        return locals[slot] as Result;
      };
    }
    const bare = name.startsWith(".") ? name.slice(1) : name;
    if (!this.#environment.isVariable(bare)) {
      const type = typeNamed(bare) ?? this.#environment.messages.get(bare);
      if (type !== undefined) return constant(new TypeValue(type));
    }
    this.variables.add(bare);
    const missing = fail(`no such attribute(s): ${bare}`);
    return ({ variables, budget }) => {
      budget.spend(selectCost);
      const value = Object.hasOwn(variables, bare) ? variables[bare] : undefined;
      return value === undefined ? missing : value;
    };
  }

  #call(call: Call): Step {
    const name = this.#checked.names.get(call) ?? call.name;
    const isQualified = name !== call.name;
    const target = call.target === undefined || isQualified ? [] : [call.target];
    const args = [...target, ...call.args].map((arg) => this.plan(arg));
    const [first, second, third] = args as [Step, Step, Step];
    switch (name) {
      case "_&&_":
        return logical(first, second, false);
      case "_||_":
        return logical(first, second, true);
      case "_?_:_":
        return (frame) => {
          const condition = first(frame);
          if (condition === true) return second(frame);
          if (condition === false) return third(frame);
          return condition instanceof Failure ? condition : noSuchOverload;
        };
      case "@not_strictly_false":
        return (frame) => {
          frame.budget.spend(1);
          return first(frame) !== false;
        };
      case "_+_":
        if (isAppend(call)) return append(first, call.args[1] as ListExpression, (inner) => this.plan(inner));
        break;
      case "cel.@mapInsert":
        return mapInsert(args);
      case "_[_]":
        return binary(first, second, index);
      case "_[?_]":
        return binary(first, second, indexOptional);
      case "_?._":
        return binary(first, second, selectOptional);
    }
    // Optionals put off their argument: `or` and `orValue` are functions all the same, of values already known.
    const operator = operators.get(name);
    const cost = costOf(name);
    if (operator !== undefined && args.length <= 2) {
      return (frame) => {
        const a = first(frame);
        if (a instanceof Failure) return a;
        const b = second === undefined ? null : second(frame);
        if (b instanceof Failure) return b;
        frame.budget.spend(cost([a, b], undefined, undefined));
        return operator(a, b);
      };
    }
    return callOverloads(args, this.#checked.overloads.get(call) ?? [], cost);
  }

  #list({ elements }: ListExpression): Step {
    if (
      elements.length > 0 &&
      elements.every(({ value, isOptional }) => value.kind === "literal" && !isOptional)
    ) {
      return constant(new ArrayList(elements.map(({ value }) => (value as { readonly value: Value }).value)));
    }
    const steps = elements.map(({ value, isOptional }) => ({ step: this.plan(value), isOptional }));
    return (frame) => {
      const values: Value[] = [];
      for (const { step, isOptional } of steps) {
        const value = step(frame);
        if (value instanceof Failure) return value;
        if (!isOptional) values.push(value);
        else if (!(value instanceof Optional)) {
          return fail(`cannot initialize optional list element from non-optional value ${typeNameOf(value)}`);
        } else if (value.value !== undefined) values.push(value.value);
      }
      frame.budget.spend(listCost);
      return new ArrayList(values);
    };
  }

  #map({ entries }: MapExpression): Step {
    const steps = entries.map(({ key, value, isOptional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      isOptional,
    }));
    return (frame) => {
      const made = new Map<string, readonly [Value, Value]>();
      for (const step of steps) {
        const key = step.key(frame);
        if (key instanceof Failure) return key;
        let value = step.value(frame);
        if (value instanceof Failure) return value;
        const text = keyText(key);
        if (text === undefined) return fail(`unsupported key type: ${typeNameOf(key)}`);
        if (step.isOptional) {
          if (!(value instanceof Optional)) {
            return fail(`cannot initialize optional entry '${text.slice(1)}' from non-optional value`);
          }
          if (value.value === undefined) continue;
          value = value.value;
        }
        if (made.has(text)) return fail("Failed with repeated key");
        made.set(text, [key, value]);
      }
      frame.budget.spend(mapCost);
      return new LiteralMap(made);
    };
  }

  #struct({ name, fields }: StructExpression): Step {
    const declared = this.#environment.messages.get(name)?.fields?.() ?? new Map<string, CelField>();
    const steps = fields.map((field) => ({ ...field, step: this.plan(field.value) }));
    return (frame) => {
      const made = new Map<string, readonly [Value, Value]>();
      for (const { name: field, step, isOptional } of steps) {
        let value = step(frame);
        if (value instanceof Failure) return value;
        if (isOptional && value instanceof Optional) {
          if (value.value === undefined) continue;
          value = value.value;
        }
        const property = declared.get(field)?.property ?? field;
        made.set(`s${property}`, [property, value]);
      }
      frame.budget.spend(structCost);
      return new Message(name, made);
    };
  }

  #comprehension(loop: Comprehension): Step {
    const range = this.plan(loop.range);
    const initial = this.plan(loop.initial);
    const depth = this.#scope.length;
    const accumulator = this.#declare(loop.accumulator);
    const variable = this.#declare(loop.variable);
    const variable2 = loop.variable2 === undefined ? undefined : this.#declare(loop.variable2);
    const condition = this.plan(loop.condition);
    const step = this.plan(loop.step);
    this.#scope.length = depth + 1;
    const result = this.plan(loop.result);
    this.#scope.length = depth;
    return (frame) => {
      const over = range(frame);
      if (over instanceof Failure) return over;
      const { locals } = frame;
      locals[accumulator] = initial(frame);
      const keys = over instanceof MapValue ? over.keys() : undefined;
      if (keys === undefined && !(over instanceof ListValue)) return noSuchOverload;
      const size = keys?.length ?? (over as ListValue).size;
      for (let i = 0; i < size; i++) {
        const first = keys === undefined ? (over as ListValue).at(i) : (keys[i] as Value);
        if (variable2 === undefined) locals[variable] = first;
        else {
          locals[variable] = keys === undefined ? BigInt(i) : first;
          const second = keys === undefined ? first : (over as MapValue).get(first);
          locals[variable2] = second === undefined ? noSuchOverload : second;
        }
        if (condition(frame) === false) break;
        locals[accumulator] = step(frame);
      }
      return result(frame);
    };
  }

  #declare(name: string): number {
    const slot = this.locals++;
    this.#scope.push({ name, slot });
    return slot;
  }
}

class Message extends LiteralMap {
  override readonly typeName: string;
  constructor(name: string, entries: ReadonlyMap<string, readonly [Value, Value]>) {
    super(entries);
    this.typeName = name;
  }
}

function constant(value: Value): Step {
  return () => value;
}

/** Either side may decide alone, whatever became of the other. */
function logical(left: Step, right: Step, decisive: boolean): Step {
  return (frame) => {
    const a = left(frame);
    if (a === decisive) return decisive;
    const b = right(frame);
    if (b === decisive) return decisive;
    if (a === !decisive && b === !decisive) return !decisive;
    if (a instanceof Failure) return a;
    if (b instanceof Failure) return b;
    return noSuchOverload;
  };
}

function binary(left: Step, right: Step, operator: (a: Value, b: Value) => Result): Step {
  return (frame) => {
    const a = left(frame);
    if (a instanceof Failure) return a;
    const b = right(frame);
    if (b instanceof Failure) return b;
    frame.budget.spend(1);
    return operator(a, b);
  };
}

/** `@result + [x]` of a loop: nobody else sees that list before the loop ends, so it grows in place. */
function isAppend(call: Call): boolean {
  const [left, right] = call.args;
  return left?.kind === "identifier" && left.name === "@result" && right?.kind === "list";
}

function append(list: Step, { elements }: ListExpression, planOf: (inner: Expression) => Step): Step {
  const element = planOf((elements[0] as { readonly value: Expression }).value);
  return (frame) => {
    const target = list(frame);
    if (target instanceof Failure) return target;
    const value = element(frame);
    if (value instanceof Failure) return value;
    frame.budget.spend(listCost + 1);
    (target as unknown as { elements: Value[] }).elements.push(value);
    return target;
  };
}

/** As append, of maps: `@result` with one key more, or with the entries of another map. */
function mapInsert(args: readonly Step[]): Step {
  return (frame) => {
    const values: Value[] = [];
    for (const arg of args) {
      const value = arg(frame);
      if (value instanceof Failure) return value;
      values.push(value);
    }
    frame.budget.spend(1);
    const [target, key, value] = values as [LiteralMap, Value, Value];
    const entries = target.entries as Map<string, readonly [Value, Value]>;
    const added: (readonly [Value, Result | undefined])[] =
      values.length === 3
        ? [[key, value]]
        : key instanceof MapValue
          ? key.keys().map((each) => [each, key.get(each)] as const)
          : [];
    for (const [each, inner] of added) {
      const text = keyText(each);
      if (text === undefined || inner === undefined) return noSuchOverload;
      if (inner instanceof Failure) return inner;
      if (entries.has(text)) return fail(`insert failed: key ${text.slice(1)} already exists`);
      entries.set(text, [each, inner]);
    }
    return target;
  };
}

function callOverloads(
  args: readonly Step[],
  overloads: readonly Overload[],
  cost: ReturnType<typeof costOf>,
): Step {
  return (frame) => {
    const values: Value[] = [];
    for (const arg of args) {
      const value = arg(frame);
      if (value instanceof Failure) return value;
      values.push(value);
    }
    for (const overload of overloads) {
      if (!overload.params.every((param, at) => fits(values[at] as Value, param))) continue;
      const result = (overload.call as (...all: Value[]) => Result)(...values);
      frame.budget.spend(cost(values, resultOf(result), overload));
      return result;
    }
    return noSuchOverload;
  };
}
