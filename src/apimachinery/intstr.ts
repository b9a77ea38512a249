/** intstr.IntOrString: a count or a share. */
export type IntOrString = number | string;

/**
 * A number, or the share of `total` that `"25%"` means, rounded up or down: GetScaledValueFromIntOrPercent. Undefined where
 * a text is not a percentage.
 */
export function scaledValue(value: IntOrString, total: number, roundUp: boolean): number | undefined {
  if (typeof value === "number") return value;
  const percent = /^(-?\d{1,9})%$/.exec(value)?.[1];
  if (percent === undefined) return undefined;
  const share = (Number(percent) * total) / 100;
  return roundUp ? Math.ceil(share) : Math.floor(share);
}
