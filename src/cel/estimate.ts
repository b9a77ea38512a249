import type { Call, Comprehension, Expression } from "./ast.ts";
import type { Checked } from "./checker.ts";
import { listCost, mapCost, selectCost, structCost } from "./cost.ts";

/** Costs and sizes beyond it count as it: upstream's unsigned 64 bits. */
const boundless = 2 ** 64;

/** What reading a string or a list costs an element; what a regular expression costs a character. */
const traversalFactor = 0.1;
const patternFactor = 0.25;

const capped = (cost: number): number => Math.min(cost, boundless);
const traverse = (size: number): number => capped(Math.ceil(size * traversalFactor));

/** What a call costs at most besides its arguments, by the sizes of these. */
type Price = (sizes: readonly [number, number, number]) => number;

const once: Price = ([first]) => traverse(first);
const twice: Price = ([first]) => traverse(first * 2);
const each: Price = ([first]) => first;
const pairs: Price = ([first, second]) => first * second;

const prices: Readonly<Record<string, Price>> = {
  "@in": ([, list]) => list,
  startsWith: ([, prefix]) => traverse(prefix),
  endsWith: ([, suffix]) => traverse(suffix),
  bytes: once,
  string: once,
  format: once,
  "strings.quote": once,
  matches: ([text, pattern]) => traverse(1 + text) * Math.ceil(pattern * patternFactor),
  find: ([text, pattern]) => traverse(1 + text) * Math.ceil(pattern * patternFactor),
  findAll: ([text, pattern]) => traverse(1 + text) * Math.ceil(pattern * patternFactor),
  contains: ([text, part]) => traverse(text) * traverse(part),
  lowerAscii: once,
  upperAscii: once,
  substring: once,
  trim: once,
  url: once,
  replace: twice,
  split: twice,
  join: twice,
  isSorted: each,
  sum: each,
  min: each,
  max: each,
  indexOf: each,
  lastIndexOf: each,
  distinct: ([list]) => list * list,
  sort: ([list]) => list * 2,
  reverse: each,
  flatten: each,
  slice: each,
  "sets.contains": pairs,
  "sets.intersects": pairs,
  "sets.equivalent": ([a, b]) => a * b * 2,
  quantity: once,
  isQuantity: once,
  semver: once,
  isSemver: once,
  cidr: once,
  isCIDR: once,
  isIP: once,
  ip: once,
};

const ordered: ReadonlySet<string> = new Set(["_<_", "_<=_", "_>_", "_>=_"]);

/**
 * What an expression may cost at most, told from its types before it ever runs: cel-go's checker/cost.go over Kubernetes' sizes. Values whose size
 * no schema bounds make it `boundless`.
 */
export function estimateCost(expression: Expression, checked: Checked): number {
  return new Estimate(checked).cost(expression);
}

class Estimate {
  readonly #checked: Checked;
  /** Loop variables and accumulators by name, with the size of what they hold. */
  readonly #sizes = new Map<string, number>();

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  cost(expression: Expression): number {
    switch (expression.kind) {
      case "literal":
        return 0;
      case "identifier":
        return selectCost;
      case "select": {
        const operand = this.cost(expression.operand);
        if (expression.isTest || this.#checked.names.has(expression)) return operand;
        const { kind } = this.#checked.typeOf(expression.operand);
        return operand + (kind === "map" || kind === "message" || kind === "param" ? selectCost : 0);
      }
      case "list":
        return capped(listCost + sum(expression.elements.map(({ value }) => this.cost(value))));
      case "map":
        return capped(
          mapCost + sum(expression.entries.map(({ key, value }) => this.cost(key) + this.cost(value))),
        );
      case "struct":
        return capped(structCost + sum(expression.fields.map(({ value }) => this.cost(value))));
      case "call":
        return capped(this.#call(expression));
      case "comprehension":
        return capped(this.#loop(expression));
    }
  }

  #call(call: Call): number {
    const operands = call.target === undefined ? call.args : [call.target, ...call.args];
    const costs = operands.map((operand) => this.cost(operand));
    const { name } = call;
    if (name === "_?_:_") return (costs[0] ?? 0) + Math.max(costs[1] ?? 0, costs[2] ?? 0);
    if (name === "_&&_" || name === "_||_") return sum(costs);
    const sizes = operands.map((operand) => this.#size(operand));
    return sum(costs) + this.#price(this.#checked.names.get(call) ?? name, operands, sizes);
  }

  #price(name: string, operands: readonly Expression[], sizes: readonly number[]): number {
    const [first = 1, second = 1, third = 1] = sizes;
    const operand = operands[0];
    const kind = operand === undefined ? "dyn" : this.#checked.typeOf(operand).kind;
    const isText = kind === "string" || kind === "bytes";
    if (name === "_==_" || name === "_!=_") return traverse(Math.min(first, second));
    if (ordered.has(name)) return isText ? traverse(Math.min(first, second)) : 1;
    if (name === "_+_") return isText ? traverse(first + second) : 1;
    const price = Object.hasOwn(prices, name) ? prices[name] : undefined;
    return price === undefined ? 1 : Math.max(1, price([first, second, third]));
  }

  #loop(loop: Comprehension): number {
    const range = this.cost(loop.range);
    const initial = this.cost(loop.initial);
    const count = this.#size(loop.range);
    const before = this.#sizes.get(loop.accumulator);
    // A list that a loop builds has at most as many items as the loop has rounds.
    this.#sizes.set(loop.accumulator, count);
    const round = this.cost(loop.condition) + this.cost(loop.step);
    const result = this.cost(loop.result);
    if (before === undefined) this.#sizes.delete(loop.accumulator);
    else this.#sizes.set(loop.accumulator, before);
    return range + initial + capped(count * round) + result;
  }

  /** Characters, bytes or elements at most. */
  #size(expression: Expression): number {
    const type = this.#checked.typeOf(expression);
    switch (expression.kind) {
      case "literal":
        return typeof expression.value === "string" ? Math.max(1, [...expression.value].length) : 1;
      case "list":
        return expression.elements.length;
      case "map":
        return expression.entries.length;
      case "identifier": {
        const known = this.#sizes.get(expression.name);
        if (known !== undefined) return known;
        break;
      }
      case "comprehension":
        return type.kind === "list" || type.kind === "map" ? this.#size(expression.range) : 1;
      case "call": {
        const { name, args, target } = expression;
        if (name === "_+_") return capped(sum(args.map((arg) => this.#size(arg))));
        if (name === "_?_:_") return Math.max(...args.slice(1).map((arg) => this.#size(arg)));
        if (type.sizeMax === undefined && target !== undefined) return this.#size(target);
        break;
      }
    }
    if (type.sizeMax !== undefined) return type.sizeMax;
    return sized.has(type.kind) ? boundless : 1;
  }
}

const sized: ReadonlySet<string> = new Set(["string", "bytes", "list", "map", "dyn", "param"]);

const sum = (costs: readonly number[]): number => costs.reduce((total, cost) => capped(total + cost), 0);
