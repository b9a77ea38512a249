/**
 * What calls cost at most, by the sizes of what they get: cel-go's checker/cost.go and ext, and k8s.io/apiserver/pkg/cel/library/cost.go. Which rules a
 * CustomResourceDefinition may have hangs on these numbers, so they are upstream's, odd ones included.
 */
import { authorizationCost, listCost, patternFactor, structCost, traversalFactor } from "./cost.ts";
import type { Overload } from "./functions.ts";
import { add, boundless, exactly, multiply, nothing, type Range, scale, union, unknown } from "./range.ts";
import { type CelType, sameType } from "./types.ts";

/** A target or an argument, as far as it is known. */
export interface Operand {
  readonly type: CelType;
  /** Characters, bytes or elements. */
  readonly size: Range;
  /** The same of each element, of a list. */
  readonly elementSize: Range;
  /** Of a literal integer. */
  readonly integer: number | undefined;
}

export interface Price {
  /** Besides what the operands cost. */
  readonly cost: Range;
  /** Of what the call answers; absent: its type alone tells. */
  readonly size?: Range;
}

/** Characters of the longest regular expression behind a named format, and bytes of a format. */
const formatPatternMax = 128;
const formatMax = 64;
/** Of an address, in bytes. */
const address: Range = { min: 4, max: 16 };

/** Types whose values are all of one size. */
export const fixed: ReadonlySet<string> = new Set(["bool", "double", "duration", "int", "timestamp", "uint"]);

const one = exactly(1);

const traverse = (size: Range): Range => scale(size, traversalFactor);

const price = (cost: Range, size?: Range): Price => (size === undefined ? { cost } : { cost, size });

type Pricing = (operands: readonly [Operand, Operand, Operand], overload: Overload) => Price;

const once: Pricing = ([{ size }]) => price(traverse(size));
const once2: Pricing = ([, { size }]) => price(traverse(size));
const sameSize: Pricing = ([{ size }]) => price(traverse(size), size);
const perElement: Pricing = ([{ type, size, elementSize }]) => {
  const element = type.params[0];
  if (element === undefined) return price(traverse(size));
  const isText = element.kind === "string" || element.kind === "bytes";
  return price(multiply(size, isText ? add(one, traverse(elementSize)) : one));
};
/** Of the answer's size, for a list that is made anew. */
const newList = (factor: number, size: Range): Price =>
  price(add(scale(size, factor), one, exactly(listCost)), size);
const everyPair = (compared: Operand): Price => {
  const isText = !fixed.has(compared.type.params[0]?.kind ?? "dyn");
  return newList(isText ? 2 + traversalFactor : 2, multiply(compared.size, compared.size));
};
const sets =
  (factor: number): Pricing =>
  ([a, b]) =>
    price(add(scale(multiply(a.size, b.size), factor), one));
const pattern: Pricing = ([{ size }, expression]) =>
  price(multiply(traverse(add(size, one)), scale(expression.size, patternFactor)), exactlyUpTo(size.max));
const shorter: Pricing = ([a, b]) => {
  const max = Math.min(a.size.max, b.size.max);
  return price(traverse({ min: max > 0 ? 1 : 0, max }));
};
const withText = (overload: Overload): boolean => overload.params[1]?.kind === "string";
const selector: Pricing = ([, { size }]) =>
  price(add(exactly(listCost), traverse(size), scale(scale(size, 0.5), listCost + structCost)));

const exactlyUpTo = (max: number): Range => ({ min: 0, max });

const equality: Pricing = (operands, overload) => {
  const [{ type }, other] = operands;
  if (type.kind !== "opaque" || type.name === "optional_type" || !sameType(type, other.type))
    return shorter(operands, overload);
  return price(type.name === "kubernetes.NamedFormat" ? traverse({ min: 1, max: formatMax }) : one);
};

/** By text or bytes; all other things are compared at once. */
const order: Pricing = (operands, overload) => {
  const kind = overload.params[0]?.kind;
  return kind === "string" || kind === "bytes" ? shorter(operands, overload) : price(one);
};

const sum: Pricing = ([a, b], overload) => {
  const kind = overload.params[0]?.kind;
  const size = add(a.size, b.size);
  if (kind === "list") return price(one, size);
  return kind === "string" || kind === "bytes" ? price(traverse(size), size) : price(one);
};

/** How long a text can get by having parts of it replaced. */
function replacedSize(size: Range, part: Range, by: Range): Range {
  const longest = ((): [count: number, kept: number] => {
    if (part.min === 0) return [size.max + 1, size.max];
    return by.max <= part.min ? [0, size.max] : [Math.ceil(size.max / part.min), 0];
  })();
  const shortest = ((): [count: number, kept: number] => {
    if (part.max === 0) return [size.min + 1, size.min];
    return part.max <= by.min ? [0, size.min] : [Math.ceil(size.min / part.max), 0];
  })();
  return add(multiply({ min: shortest[0], max: longest[0] }, by), { min: shortest[1], max: longest[1] });
}

const prices: Readonly<Record<string, Pricing>> = {
  "_==_": equality,
  "_!=_": shorter,
  "_<_": order,
  "_<=_": order,
  "_>_": order,
  "_>=_": order,
  "_+_": sum,
  "_?_:_": ([, a, b]) => price(nothing, union(a.size, b.size)),
  "@in": ([, list], overload) => price(overload.params[1]?.kind === "list" ? list.size : one),
  startsWith: once2,
  endsWith: once2,
  matches: (operands, overload) => price(pattern(operands, overload).cost),
  contains: ([text, part]) => price(multiply(traverse(text.size), traverse(part.size))),
  bytes: ([{ size }], overload) =>
    overload.params[0]?.kind === "string"
      ? price(traverse(size), { min: size.min, max: size.max * 4 })
      : price(one),
  string: ([{ size }], overload) =>
    overload.params[0]?.kind === "bytes"
      ? price(traverse(size), { min: Math.floor(size.min / 4), max: size.max })
      : price(one),
  format: once,
  "strings.quote": ([{ size }]) => price(traverse(size), { min: size.min + 2, max: size.max * 2 + 2 }),
  isSorted: perElement,
  sum: perElement,
  min: perElement,
  max: perElement,
  indexOf: perElement,
  lastIndexOf: perElement,
  url: sameSize,
  "jsonpatch.escapeKey": sameSize,
  lowerAscii: sameSize,
  upperAscii: sameSize,
  substring: sameSize,
  trim: sameSize,
  replace: ([text, part, by]) =>
    price(scale(text.size, 2 * traversalFactor), replacedSize(text.size, part.size, by.size)),
  split: ([{ size }, , limit]) =>
    price(scale(size, 2 * traversalFactor), exactlyUpTo(limit.integer ?? size.max)),
  join: ([list, separator], overload) => {
    const gaps: Range = { min: Math.max(0, list.size.min - 1), max: Math.max(0, list.size.max - 1) };
    const gapSize = overload.params.length > 1 ? multiply(separator.size, gaps) : nothing;
    const size = add(multiply(list.size, list.elementSize), gapSize);
    return price(traverse(size), size);
  },
  find: pattern,
  findAll: pattern,
  slice: ([list, start, end]) =>
    newList(1, exactly(Math.max(0, (end.integer ?? list.size.max) - (start.integer ?? 0)))),
  "lists.range": ([count]) => newList(1, exactly(count.integer ?? boundless)),
  reverse: ([list]) => newList(1, list.size),
  flatten: ([list, depth], overload) =>
    newList(overload.params.length > 1 ? (depth.integer ?? boundless) : 1, list.size),
  distinct: ([list]) => newList(2, multiply(list.size, list.size)),
  sort: ([list]) => everyPair(list),
  "@sortByAssociatedKeys": ([, keys]) => everyPair(keys),
  "sets.contains": sets(1),
  "sets.intersects": sets(1),
  "sets.equivalent": sets(2),
  isIP: once,
  isCIDR: once,
  cidr: once,
  ip: ([{ size }], { isMember }) => price(isMember ? one : traverse(size)),
  "ip.isCanonical": ([{ size }]) => price(scale(size, 2 * traversalFactor)),
  containsIP: ([, other], overload) =>
    price(add(traverse(add(address, address)), withText(overload) ? traverse(other.size) : nothing)),
  containsCIDR: ([, other], overload) =>
    price(
      add(
        traverse(add(address, address)),
        traverse(address),
        one,
        withText(overload) ? traverse(other.size) : nothing,
      ),
    ),
  quantity: once,
  isQuantity: once,
  semver: once,
  isSemver: once,
  validate: ([, { size }]) => price(scale(traverse(size), formatPatternMax * patternFactor)),
  check: () => price(exactly(authorizationCost)),
  fieldSelector: selector,
  labelSelector: selector,
};

const noOperand: Operand = {
  type: { kind: "dyn", name: "dyn", params: [] },
  size: unknown,
  elementSize: unknown,
  integer: undefined,
};

/** The target comes first among the operands. Functions that nobody priced cost 1. */
export function priceOf(name: string, overload: Overload, operands: readonly Operand[]): Price {
  const pricing = Object.hasOwn(prices, name) ? prices[name] : undefined;
  const [first = noOperand, second = noOperand, third = noOperand] = operands;
  return pricing === undefined ? price(one) : pricing([first, second, third], overload);
}
