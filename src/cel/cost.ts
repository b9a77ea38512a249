import type { Overload } from "./functions.ts";
import { Failure, Opaque, type Result, sizeOf, type Value } from "./values.ts";

/** A name or a field. */
export const selectCost = 1;
export const listCost = 10;
export const mapCost = 30;
export const structCost = 40;

/** What reading a string or a list costs an element; what a regular expression costs a character. */
export const traversalFactor = 0.1;
export const patternFactor = 0.25;

/** One question to the authorizer: two fit into one evaluation. */
export const authorizationCost = 350_000;

const traverse = (size: number): number => Math.ceil(size * traversalFactor);

type Cost = (args: readonly Value[], result: Value | undefined, overload: Overload | undefined) => number;

const size = (args: readonly Value[], index: number): number => sizeOf(args[index] as Value);

const once: Cost = (args) => traverse(size(args, 0));
const twice: Cost = (args) => Math.ceil(size(args, 0) * 2 * traversalFactor);
const shorter: Cost = (args) => traverse(Math.min(size(args, 0), size(args, 1)));
const search: Cost = (args) =>
  Math.ceil((1 + size(args, 0)) * traversalFactor) * Math.ceil(size(args, 1) * patternFactor);
const selector: Cost = (args) => listCost + traverse(size(args, 1)) + Math.ceil(size(args, 1) * 0.5) * 50;
const compareOrder: Cost = (args) =>
  typeof args[0] === "string" || args[0] instanceof Uint8Array ? shorter(args, undefined, undefined) : 1;

/** cel-go's and Kubernetes' prices; what is not here costs 1. */
const prices: Readonly<Record<string, Cost>> = {
  "_==_": (args) => (args[0] instanceof Opaque ? 1 : shorter(args, undefined, undefined)),
  "_!=_": shorter,
  "_<_": compareOrder,
  "_<=_": compareOrder,
  "_>_": compareOrder,
  "_>=_": compareOrder,
  "_+_": (args) =>
    typeof args[0] === "string" || args[0] instanceof Uint8Array
      ? traverse(size(args, 0) + size(args, 1))
      : 1,
  "@in": (args) => (args[1] === undefined ? 1 : Math.max(1, size(args, 1))),
  startsWith: once,
  endsWith: once,
  bytes: once,
  format: once,
  "strings.quote": once,
  matches: search,
  find: search,
  findAll: search,
  contains: (args) => traverse(size(args, 0)) * traverse(size(args, 1)),
  lowerAscii: once,
  upperAscii: once,
  substring: once,
  trim: once,
  url: once,
  replace: twice,
  split: twice,
  join: (_args, result) => Math.ceil(sizeOf(result ?? "") * 2 * traversalFactor),
  isSorted: (args) => size(args, 0),
  sum: (args) => size(args, 0),
  min: (args) => size(args, 0),
  max: (args) => size(args, 0),
  indexOf: (args) => size(args, 0),
  lastIndexOf: (args) => size(args, 0),
  distinct: (args) => size(args, 0) ** 2,
  sort: (args) => size(args, 0) * 2,
  "@sortByAssociatedKeys": (args) => size(args, 0) * 2,
  reverse: (args) => size(args, 0),
  flatten: (_args, result) => sizeOf(result ?? ""),
  slice: (_args, result) => sizeOf(result ?? ""),
  "lists.range": (_args, result) => sizeOf(result ?? ""),
  "sets.contains": (args) => size(args, 0) * size(args, 1),
  "sets.intersects": (args) => size(args, 0) * size(args, 1),
  "sets.equivalent": (args) => size(args, 0) * size(args, 1) * 2,
  quantity: once,
  isQuantity: once,
  semver: once,
  isSemver: once,
  cidr: once,
  isCIDR: once,
  isIP: once,
  ip: once,
  "ip.isCanonical": twice,
  validate: (args) => Math.ceil((1 + size(args, 1)) * traversalFactor) * 25,
  check: () => authorizationCost,
  fieldSelector: selector,
  labelSelector: selector,
};

/** What a call costs; functions that nobody priced cost 1, as in cel-go. */
export function costOf(name: string): Cost {
  return Object.hasOwn(prices, name) ? (prices[name] as Cost) : () => 1;
}

export function resultOf(result: Result): Value | undefined {
  return result instanceof Failure ? undefined : result;
}
