import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  subtractQuantities,
} from "../apimachinery/index.ts";

/** Amounts by name: a v1 ResourceList with its texts read. */
export type ResourceList = ReadonlyMap<string, Quantity>;

export const one: Quantity = { nano: 1_000_000_000n, format: "DecimalSI" };
export const zero: Quantity = { nano: 0n, format: "DecimalSI" };

/** Amounts that the schema has checked. */
export function readResources(
  list: Readonly<Record<string, string | number>> | null | undefined,
): ResourceList {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(String(text))]));
}

/** In canonical texts, by name. */
export function writeResources(list: ResourceList): Record<string, string> {
  const names = [...list.keys()].sort();
  return Object.fromEntries(names.map((name) => [name, formatQuantity(list.get(name) as Quantity)]));
}

export function addResources(a: ResourceList, b: ResourceList): ResourceList {
  const sum = new Map(a);
  for (const [name, amount] of b) {
    const present = sum.get(name);
    sum.set(name, present === undefined ? amount : addQuantities(present, amount));
  }
  return sum;
}

/** The greater amount of each. */
export function maxResources(a: ResourceList, b: ResourceList): ResourceList {
  const greater = new Map(a);
  for (const [name, amount] of b) {
    const present = greater.get(name);
    if (present === undefined || compareQuantities(amount, present) > 0) greater.set(name, amount);
  }
  return greater;
}

/** What `a` has more than `b`; nothing below zero. */
export function excess(a: ResourceList, b: ResourceList): ResourceList {
  const result = new Map<string, Quantity>();
  for (const [name, amount] of a) {
    const rest = subtractQuantities(amount, b.get(name) ?? zero);
    result.set(name, rest.nano < 0n ? { ...rest, nano: 0n } : rest);
  }
  for (const name of b.keys()) if (!result.has(name)) result.set(name, zero);
  return result;
}

/** Only these names. */
export function mask(list: ResourceList, names: Iterable<string>): ResourceList {
  const result = new Map<string, Quantity>();
  for (const name of names) {
    const amount = list.get(name);
    if (amount !== undefined) result.set(name, amount);
  }
  return result;
}

export function withoutZeros(list: ResourceList): ResourceList {
  return new Map([...list].filter(([, { nano }]) => nano !== 0n));
}
