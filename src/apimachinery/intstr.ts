/** intstr.IntOrString: a count or a share. */
export type IntOrString = number | string;

/** A number, or the share of `total` that `"25%"` means, rounded up or down. Undefined where the text is not a percentage. */
export function scaledValue(value: IntOrString, total: number, roundUp: boolean): number | undefined {
  void value;
  void total;
  void roundUp;
  return undefined;
}
