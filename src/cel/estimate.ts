import type { Call, Comprehension, Expression, Select } from "./ast.ts";
import type { Checked } from "./checker.ts";
import { listCost, mapCost, selectCost, structCost } from "./cost.ts";
import { fixed, type Operand, priceOf } from "./estimate-calls.ts";
import { add, exactly, multiply, nothing, type Range, union, unknown } from "./range.ts";
import type { CelType } from "./types.ts";

/** The declared type of a variable, with the sizes that a schema allows; undefined: none that bounds anything. */
export type Declared = (variable: string) => CelType | undefined;

/**
 * What an expression may cost at most, told before it ever runs from its types and from what is declared of its variables: cel-go's
 * checker/cost.go over Kubernetes' sizes.
 */
export function estimateCost(expression: Expression, checked: Checked, declared: Declared): number {
  return new Estimate(checked, declared).cost(expression).max;
}

/** Where in the declared types a value is from; without a type where a path led out of them. */
interface Place {
  readonly type: CelType | undefined;
}

/** What is known of the elements of a list or map that an expression makes. */
interface Entries {
  readonly kind: "list" | "map";
  readonly key: Range;
  readonly value: Range;
}

interface Local {
  readonly place: Place | undefined;
  readonly size: Range | undefined;
  readonly entries: Entries | undefined;
}

const one = exactly(1);
const selectable: ReadonlySet<string> = new Set(["map", "message", "param"]);

class Estimate {
  readonly #checked: Checked;
  readonly #declared: Declared;
  /** Loop variables and accumulators, the innermost of a name last. */
  readonly #locals = new Map<string, Local[]>();
  readonly #places = new Map<Expression, Place | undefined>();
  readonly #sizes = new Map<Expression, Range>();
  readonly #entries = new Map<Expression, Entries>();

  constructor(checked: Checked, declared: Declared) {
    this.#checked = checked;
    this.#declared = declared;
  }

  cost(expression: Expression): Range {
    switch (expression.kind) {
      case "literal":
        return nothing;
      case "identifier": {
        const local = this.#local(expression.name);
        this.#places.set(expression, local === undefined ? this.#root(expression.name) : local.place);
        return exactly(selectCost);
      }
      case "select":
        return this.#select(expression);
      case "list": {
        const costs = expression.elements.map(({ value }) => this.cost(value));
        const value = covering(expression.elements.map((element) => this.#size(element.value) ?? unknown));
        this.#entries.set(expression, { kind: "list", key: one, value });
        return add(exactly(listCost), ...costs);
      }
      case "map": {
        const costs = expression.entries.map(({ key, value }) => add(this.cost(key), this.cost(value)));
        const key = covering(expression.entries.map((entry) => this.#size(entry.key) ?? unknown));
        const value = covering(expression.entries.map((entry) => this.#size(entry.value) ?? unknown));
        this.#entries.set(expression, { kind: "map", key, value });
        return add(exactly(mapCost), ...costs);
      }
      case "struct":
        return add(exactly(structCost), ...expression.fields.map(({ value }) => this.cost(value)));
      case "call":
        return this.#call(expression);
      case "comprehension":
        return isBinding(expression) ? this.#binding(expression) : this.#loop(expression);
    }
  }

  #select(expression: Select): Range {
    const name = this.#checked.names.get(expression);
    if (name !== undefined) {
      this.#places.set(expression, this.#root(name));
      return exactly(selectCost);
    }
    const cost = this.cost(expression.operand);
    // has() is free.
    if (expression.isTest) return cost;
    this.#places.set(expression, this.#step(this.#place(expression.operand), expression.field));
    const isRead = selectable.has(this.#checked.typeOf(expression.operand).kind);
    return isRead ? add(cost, exactly(selectCost)) : cost;
  }

  #call(call: Call): Range {
    const qualified = this.#checked.names.get(call);
    const isMember = call.target !== undefined && qualified === undefined;
    const operands = isMember ? [call.target as Expression, ...call.args] : call.args;
    const costs = operands.map((operand) => this.cost(operand));
    const name = qualified ?? call.name;
    if (name === "_&&_" || name === "_||_") return add(...costs);
    if (name === "dyn") {
      this.#copySizes(call, operands[0] as Expression);
      return add(one, ...costs);
    }
    if (name === "_[_]") this.#index(call, operands);
    const sized = operands.map((operand) => this.#operand(operand));
    const overloads = this.#checked.overloads.get(call) ?? [];
    const prices = overloads.map((overload) => priceOf(name, overload, sized));
    for (const { size } of prices) {
      const before = this.#sizes.get(call);
      if (size !== undefined) this.#sizes.set(call, before === undefined ? size : union(before, size));
    }
    const price = prices.length === 0 ? one : prices.map(({ cost }) => cost).reduce(union);
    if (name === "_?_:_") return this.#conditional(call, operands, costs);
    if (name === "_+_") this.#joinEntries(call, operands[0], operands[1]);
    return add(price, ...costs);
  }

  #conditional(call: Call, [, then, otherwise]: readonly Expression[], costs: readonly Range[]): Range {
    this.#joinEntries(call, then, otherwise);
    const [condition = nothing, first = nothing, second = nothing] = costs;
    return add(condition, union(first, second));
  }

  #index(call: Call, [container]: readonly Expression[]): void {
    if (container === undefined) return;
    const size = this.#entriesOf(container)?.value;
    if (size !== undefined) this.#sizes.set(call, size);
    const { kind } = this.#checked.typeOf(container);
    this.#places.set(call, this.#step(this.#place(container), kind === "map" ? "@values" : "@items"));
  }

  #joinEntries(call: Call, a: Expression | undefined, b: Expression | undefined): void {
    const [first, second] = [a && this.#entriesOf(a), b && this.#entriesOf(b)];
    if (first === undefined || second === undefined) return;
    this.#entries.set(call, {
      kind: first.kind,
      key: union(first.key, second.key),
      value: union(first.value, second.value),
    });
  }

  #loop(loop: Comprehension): Range {
    const { range, variable, variable2, accumulator, initial } = loop;
    const before = add(this.cost(range), this.cost(initial));
    this.#push(accumulator, this.#asLocal(initial));
    const entries = this.#entriesOf(range);
    const isList = (entries?.kind ?? this.#checked.typeOf(range).kind) === "list";
    const place = this.#place(range);
    const values = { place: this.#step(place, isList ? "@items" : "@values"), size: entries?.value };
    const keys = { place: this.#step(place, isList ? "@indices" : "@keys"), size: entries?.key };
    if (variable2 !== undefined) {
      this.#push(variable, { ...keys, entries: undefined });
      this.#push(variable2, { ...values, entries: undefined });
    } else this.#push(variable, { ...(isList ? values : keys), entries: undefined });
    const round = add(this.cost(loop.condition), this.cost(loop.step));
    this.#pop(variable);
    if (variable2 !== undefined) this.#pop(variable2);
    const result = this.cost(loop.result);
    const stepEntries = this.#entriesOf(loop.step);
    this.#pop(accumulator);
    const rounds = this.#size(range) ?? unknown;
    if (initial.kind === "literal") this.#setSize(loop, this.#size(initial));
    else if (initial.kind === "list" || initial.kind === "map") {
      this.#setSize(loop, rounds);
      if (stepEntries !== undefined) this.#entries.set(loop, stepEntries);
    }
    return add(before, result, multiply(rounds, round));
  }

  /** The loop of no rounds that cel.bind() becomes. */
  #binding(loop: Comprehension): Range {
    const before = add(this.cost(loop.range), this.cost(loop.initial));
    this.#push(loop.accumulator, this.#asLocal(loop.initial));
    const cost = add(before, this.cost(loop.result));
    this.#copySizes(loop, loop.result);
    this.#pop(loop.accumulator);
    return cost;
  }

  #operand(expression: Expression): Operand {
    const { kind } = expression;
    const place = this.#place(expression);
    return {
      type: this.#checked.typeOf(expression),
      size: this.#size(expression) ?? unknown,
      elementSize: (place && this.#sizeOf(this.#step(place, "@items"))) ?? unknown,
      integer:
        kind === "literal" && typeof expression.value === "bigint"
          ? Math.max(0, Number(expression.value))
          : undefined,
    };
  }

  /** Characters, bytes or elements; undefined where nothing bounds them. */
  #size(expression: Expression): Range | undefined {
    const known = this.#sizes.get(expression);
    if (known !== undefined) return known;
    const written = writtenSize(expression);
    if (written !== undefined) return exactly(written);
    const place = this.#place(expression);
    const declared = place && this.#sizeOf(place);
    if (declared !== undefined) return declared;
    const type = this.#checked.typeOf(expression);
    const { kind } = type.name === "optional_type" ? (type.params[0] ?? type) : type;
    if (fixed.has(kind)) return one;
    return expression.kind === "identifier" ? this.#local(expression.name)?.size : undefined;
  }

  #sizeOf({ type }: Place): Range | undefined {
    return type === undefined ? undefined : { min: 0, max: type.sizeMax ?? 0 };
  }

  #setSize(expression: Expression, size: Range | undefined): void {
    if (size !== undefined) this.#sizes.set(expression, size);
  }

  #copySizes(to: Expression, from: Expression): void {
    this.#setSize(to, this.#size(from));
    const entries = this.#entriesOf(from);
    if (entries !== undefined) this.#entries.set(to, entries);
  }

  #entriesOf(expression: Expression): Entries | undefined {
    const known = this.#entries.get(expression);
    if (known !== undefined || expression.kind !== "identifier") return known;
    return this.#local(expression.name)?.entries;
  }

  #place(expression: Expression): Place | undefined {
    const local = expression.kind === "identifier" ? this.#local(expression.name) : undefined;
    return local === undefined ? this.#places.get(expression) : local.place;
  }

  #root(variable: string): Place {
    return { type: this.#declared(variable) };
  }

  /** One name further. What comes from nowhere is taken for a variable, as upstream takes the first name of every path. */
  #step(place: Place | undefined, name: string): Place {
    if (place === undefined) return this.#root(name);
    const { type } = place;
    switch (name) {
      case "@items":
      case "@values":
        return { type: type?.kind === "list" || type?.kind === "map" ? type.params.at(-1) : undefined };
      case "@keys":
        return { type: type?.kind === "map" ? type.params[0] : undefined };
      default: {
        // An attribute of a device is bounded whatever its name; no schema has a map of such.
        const value = type?.kind === "map" ? type.params[1] : undefined;
        return { type: value?.kind === "dyn" ? value : type?.fields?.().get(name)?.type };
      }
    }
  }

  #asLocal(expression: Expression): Local {
    return {
      place: this.#place(expression),
      size: this.#size(expression),
      entries: this.#entriesOf(expression),
    };
  }

  #local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #push(name: string, local: Local): void {
    const locals = this.#locals.get(name);
    if (locals === undefined) this.#locals.set(name, [local]);
    else locals.push(local);
  }

  #pop(name: string): void {
    this.#locals.get(name)?.pop();
  }
}

function covering(sizes: readonly Range[]): Range {
  return sizes.length === 0 ? nothing : sizes.reduce(union);
}

/** Of what stands in the expression itself. */
function writtenSize(expression: Expression): number | undefined {
  switch (expression.kind) {
    case "literal": {
      const { value } = expression;
      if (typeof value === "string") return [...value].length;
      return value instanceof Uint8Array ? value.length : 1;
    }
    case "list":
      return expression.elements.length;
    case "map":
      return expression.entries.length;
    default:
      return undefined;
  }
}

function isBinding({ range, condition }: Comprehension): boolean {
  const isEmpty = range.kind === "list" && range.elements.length === 0;
  return isEmpty && condition.kind === "literal" && condition.value === false;
}
