/** An amount that is not one; the message is upstream's. */
export class QuantityError extends Error {
  override readonly name = "QuantityError";
}

export type QuantityFormat = "BinarySI" | "DecimalSI" | "DecimalExponent";

/** resource.Quantity: an exact decimal with a preferred notation. Immutable. */
export interface Quantity {
  /** The value in units of 10^-9, exact: what two quantities are compared by. */
  readonly nano: bigint;
  readonly format: QuantityFormat;
}

const formatError =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const suffixError = "unable to parse quantity's suffix";

const giga = 1_000_000_000n;
/** 2^63-1 whole units: where upstream caps binary notation. */
const nanoMax = (2n ** 63n - 1n) * giga;
/** Longer numbers are refused: arithmetic on them is quadratic, and nothing real needs them. */
const digitsMax = 256;

/** Greater powers of ten are refused: writing them out would take memory without a bound. */
const exponentMax = 256;

/** By suffix: the power of ten. */
export const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
/** By suffix: the power of two. */
export const binaryExponents: Readonly<Record<string, number>> = {
  Ki: 10,
  Mi: 20,
  Gi: 30,
  Ti: 40,
  Pi: 50,
  Ei: 60,
};

/** `100m`, `1.5Gi`, `12e6`. Finer than 10^-9 rounds up; binary notation is capped at 2^63-1, as upstream. @throws QuantityError */
export function parseQuantity(text: string): Quantity {
  return readQuantity(text).quantity;
}

function readQuantity(text: string): { quantity: Quantity; isKept: boolean } {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/.exec(text);
  if (match === null || text === "") throw new QuantityError(formatError);
  const [, sign, whole = "", fraction = "", suffix = ""] = match;
  if (whole.length + fraction.length > digitsMax)
    throw new QuantityError("unable to parse numeric part of quantity");
  const { base2, base10, format } = readSuffix(suffix);
  const digits = BigInt(`${whole}${fraction}` || "0");
  let nano = scaled(digits << BigInt(base2), base10 + 9 - fraction.length);
  if (format === "BinarySI" && nano > nanoMax) nano = nanoMax;
  // Binary notation cannot show less than one.
  const shown = format === "BinarySI" && nano > 0n && nano < giga ? "DecimalSI" : format;
  const significant = `${whole.replace(/^0+/, "") || "0"}${fraction}`;
  return {
    quantity: { nano: sign === "-" ? -nano : nano, format: shown },
    isKept: isKeptAsGiven(significant, base10 - fraction.length, base2, fraction === ""),
  };
}

/**
 * Upstream remembers a text that looks canonical to it and writes it again, quirks such as `+5`, `5.` or `1e+3` included: short, no
 * three zeros at the end, an exponent that has a suffix; in binary notation what is no multiple of eight.
 */
function isKeptAsGiven(digits: string, scale: number, base2: number, isWhole: boolean): boolean {
  if (base2 > 0) {
    const precision = 14 - digits.length - Math.trunc((base2 * 3) / 10);
    return isWhole && precision >= 0 && (BigInt(digits) & 7n) !== 0n;
  }
  return (
    digits.length <= 18 &&
    scale >= -9 &&
    scale % 3 === 0 &&
    !digits.endsWith("000") &&
    !digits.startsWith("0")
  );
}

function readSuffix(suffix: string): { base2: number; base10: number; format: QuantityFormat } {
  if (Object.hasOwn(decimalExponents, suffix)) {
    return { base2: 0, base10: decimalExponents[suffix] as number, format: "DecimalSI" };
  }
  if (Object.hasOwn(binaryExponents, suffix)) {
    return { base2: binaryExponents[suffix] as number, base10: 0, format: "BinarySI" };
  }
  if (/^[eE][-+]?\d{1,18}$/.test(suffix) && Number(suffix.slice(1)) <= exponentMax) {
    return { base2: 0, base10: Number(suffix.slice(1)), format: "DecimalExponent" };
  }
  throw new QuantityError(suffixError);
}

/** digits × 10^exponent, rounded up. */
function scaled(digits: bigint, exponent: number): bigint {
  if (digits === 0n) return 0n;
  if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  if (exponent < -2 * digitsMax) return 1n;
  return divideUp(digits, 10n ** BigInt(-exponent));
}

/** Away from zero. */
function divideUp(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  if (value % divisor === 0n) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

const decimalSuffixes: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]),
);
const binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** Canonical form: no fraction, the largest suffix that keeps the number whole. */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return "0";
  const isSmall = nano > -1024n * giga && nano < 1024n * giga;
  if (format === "BinarySI" && !isSmall && nano % giga === 0n) {
    let mantissa = nano / giga;
    let step = 0;
    while (mantissa % 1024n === 0n && step < binarySuffixes.length - 1) {
      mantissa /= 1024n;
      step++;
    }
    return `${mantissa}${binarySuffixes[step]}`;
  }
  let mantissa = nano;
  let exponent = -9;
  while (mantissa % 1000n === 0n && (exponent < 18 || format === "DecimalExponent")) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (format === "DecimalExponent") return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`;
  return `${mantissa}${decimalSuffixes[exponent]}`;
}

/** Most texts in requests are canonical already; they need no arithmetic. */
const plainDecimal = /^[1-9]\d{0,2}m?$/;

/** What upstream writes for a text that it has read: the canonical form, or the text itself where that is close to it. @throws QuantityError */
export function canonicalQuantity(text: string): string {
  if (plainDecimal.test(text)) return text;
  const { quantity, isKept } = readQuantity(text);
  return isKept ? text : formatQuantity(quantity);
}

/** Negative, 0 or positive. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0;
}

/** The sum, in the notation of `a` unless that is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format };
}

/** The difference, in the notation of `a` unless that is zero. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano - b.nano, format: a.nano === 0n ? b.format : a.format };
}

/** Whole units, rounded up; as Quantity.Value(). */
export function quantityValue(quantity: Quantity): bigint {
  return divideUp(quantity.nano, giga);
}

/** Thousandths, rounded up; as Quantity.MilliValue(). */
export function quantityMilliValue(quantity: Quantity): bigint {
  return divideUp(quantity.nano, 1_000_000n);
}
