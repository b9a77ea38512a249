import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  QuantityError,
  subtractQuantities,
} from "../../apimachinery/index.ts";
import type { Library } from "../functions.ts";
import { type Failure, fail, Opaque } from "../values.ts";

const nano = 1_000_000_000n;

class QuantityValue extends Opaque {
  override readonly typeName = "kubernetes.Quantity";
  readonly quantity: Quantity;
  constructor(quantity: Quantity) {
    super();
    this.quantity = quantity;
  }
  override equals(other: Opaque): boolean {
    return other instanceof QuantityValue && compareQuantities(this.quantity, other.quantity) === 0;
  }
}

function read(text: string): QuantityValue | undefined {
  try {
    return new QuantityValue(parseQuantity(text));
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

export function quantityOf(text: string): QuantityValue | Failure {
  try {
    return new QuantityValue(parseQuantity(text));
  } catch (error) {
    if (error instanceof QuantityError) return fail(error.message);
    throw error;
  }
}

const whole = (value: bigint): Quantity => ({ nano: value * nano, format: "DecimalExponent" });

function isInteger({ quantity: { nano: value } }: QuantityValue): boolean {
  const units = value / nano;
  return value % nano === 0n && units < 2n ** 63n && units >= -(2n ** 63n);
}

const by = (a: QuantityValue, b: QuantityValue): number => compareQuantities(a.quantity, b.quantity);

export const quantityLibrary: Library = {
  quantity: { "(string) -> kubernetes.Quantity": quantityOf },
  isQuantity: { "(string) -> bool": (text: string) => read(text) !== undefined },
  sign: {
    "kubernetes.Quantity.() -> int": ({ quantity: { nano: value } }: QuantityValue) =>
      value > 0n ? 1n : value < 0n ? -1n : 0n,
  },
  isGreaterThan: {
    "kubernetes.Quantity.(kubernetes.Quantity) -> bool": (a: QuantityValue, b: QuantityValue) => by(a, b) > 0,
  },
  isLessThan: {
    "kubernetes.Quantity.(kubernetes.Quantity) -> bool": (a: QuantityValue, b: QuantityValue) => by(a, b) < 0,
  },
  compareTo: {
    "kubernetes.Quantity.(kubernetes.Quantity) -> int": (a: QuantityValue, b: QuantityValue) =>
      BigInt(Math.sign(by(a, b))),
  },
  asApproximateFloat: {
    "kubernetes.Quantity.() -> double": ({ quantity: { nano: value } }: QuantityValue) => Number(value) / 1e9,
  },
  asInteger: {
    "kubernetes.Quantity.() -> int": (value: QuantityValue) =>
      isInteger(value) ? value.quantity.nano / nano : fail("cannot convert value to integer"),
  },
  isInteger: { "kubernetes.Quantity.() -> bool": isInteger },
  add: {
    "kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity": (
      a: QuantityValue,
      b: QuantityValue,
    ) => new QuantityValue(addQuantities(a.quantity, b.quantity)),
    "kubernetes.Quantity.(int) -> kubernetes.Quantity": (a: QuantityValue, b: bigint) =>
      new QuantityValue(addQuantities(a.quantity, whole(b))),
  },
  sub: {
    "kubernetes.Quantity.(kubernetes.Quantity) -> kubernetes.Quantity": (
      a: QuantityValue,
      b: QuantityValue,
    ) => new QuantityValue(subtractQuantities(a.quantity, b.quantity)),
    "kubernetes.Quantity.(int) -> kubernetes.Quantity": (a: QuantityValue, b: bigint) =>
      new QuantityValue(subtractQuantities(a.quantity, whole(b))),
  },
};
