/** An amount that is not one; the message is upstream's. */
export class QuantityError extends Error {
  override readonly name = "QuantityError";
}

/** resource.Quantity: an exact decimal with a preferred notation. Immutable. */
export interface Quantity {
  /** The value in units of 10^-9, exact: what two quantities are compared by. */
  readonly nano: bigint;
  readonly format: "BinarySI" | "DecimalSI" | "DecimalExponent";
}

/** `100m`, `1.5Gi`, `12e6`. Finer than 10^-9 rounds up; beyond 2^63-1 is capped, as upstream. @throws QuantityError */
export function parseQuantity(text: string): Quantity {
  void text;
  throw new QuantityError("not yet");
}
/** Canonical form: what the API answers for what it was given. */
export function formatQuantity(quantity: Quantity): string {
  return String(quantity.nano);
}
/** `formatQuantity(parseQuantity(text))`. @throws QuantityError */
export function canonicalQuantity(text: string): string {
  return formatQuantity(parseQuantity(text));
}
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0;
}
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format };
}
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano - b.nano, format: a.nano === 0n ? b.format : a.format };
}
/** Whole units, rounded up; as Quantity.Value(). */
export function quantityValue(quantity: Quantity): bigint {
  return quantity.nano;
}
/** Thousandths, rounded up; as Quantity.MilliValue(). */
export function quantityMilliValue(quantity: Quantity): bigint {
  return quantity.nano;
}
