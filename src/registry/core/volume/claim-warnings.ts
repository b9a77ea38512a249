import { parseQuantity } from "../../../apimachinery/index.ts";
import type { PersistentVolumeClaimSpec } from "./claim-spec.ts";

/** Storage is counted in whole bytes. */
export function claimWarnings(spec: PersistentVolumeClaimSpec | undefined, path: string): string[] {
  return (["requests", "limits"] as const).flatMap((part) =>
    fractionWarnings(spec?.resources?.[part], ["storage"], `${path}.resources.${part}`),
  );
}

/** Of `names` those whose amount is no whole number of bytes (down to thousandths, as upstream counts). */
export function fractionWarnings(
  amounts: Readonly<Record<string, string>> | undefined,
  names: readonly string[],
  path: string,
): string[] {
  return names.flatMap((name) => {
    const amount = amounts?.[name];
    if (amount === undefined || parseQuantity(amount).nano % 1_000_000_000n === 0n) return [];
    return [`${path}[${name}]: fractional byte value "${amount}" is invalid, must be an integer`];
  });
}
