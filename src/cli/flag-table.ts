/**
 * Flags of the programs that this one can be started as: etcd and kube-apiserver. All of theirs stand in a table; `effect` says what becomes of
 * one here:
 *
 *   honoured   does what it does there
 *   none       tunes a part that is not here: taken, and without effect
 *   refused    ignoring it would be unsafe or plainly wrong: whoever sets it to anything but its default is told so
 */
import { parseDuration } from "../apimachinery/index.ts";
import { parseBool } from "../base/index.ts";

/** `list`: separated by commas. */
type FlagKind = "text" | "boolean" | "number" | "duration" | "list";

export interface Flag {
  readonly kind: FlagKind;
  readonly default: string;
  readonly effect: "honoured" | "none" | "refused";
}

export type FlagTable = ReadonlyMap<string, Flag>;

const flag = (kind: FlagKind, value: string, effect: Flag["effect"]): Flag => ({
  kind,
  default: value,
  effect,
});
export const honoured = (kind: FlagKind, value = "") => flag(kind, value, "honoured");
export const none = (kind: FlagKind, value = "") => flag(kind, value, "none");
export const refused = (kind: FlagKind, value = "") => flag(kind, value, "refused");

/** What flags say, each as it was written or by default. */
export interface Settings {
  /** By flag, as it was written. */
  readonly values: ReadonlyMap<string, string>;
  text(name: string): string;
  number(name: string): number;
  boolean(name: string): boolean;
  /** Milliseconds. */
  duration(name: string): number;
  /** Without empty entries. */
  list(name: string): readonly string[];
  isSet(name: string): boolean;
}

export function settingsFrom(table: FlagTable, values: ReadonlyMap<string, string>): Settings {
  const text = (name: string): string => {
    const known = table.get(name);
    if (known === undefined) throw new Error(`there is no flag ${name}`);
    return values.get(name) ?? known.default;
  };
  return {
    values,
    text,
    number: (name) => Number(text(name)),
    boolean: (name) => parseBool(text(name)) === true,
    duration: (name) => Number(parseDuration(text(name)) ?? 0n) / 1_000_000,
    list: (name) =>
      text(name)
        .split(",")
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ""),
    isSet: (name) => values.has(name),
  };
}

/** @throws Error for the first flag that may not be set to what it says */
export function refuseUnsafe(
  table: FlagTable,
  { values }: Settings,
  { here, instead }: { readonly here: string; readonly instead: string },
): void {
  for (const [name, value] of values) {
    const known = table.get(name);
    if (known?.effect !== "refused" || value === known.default || value === "") continue;
    throw new Error(
      `--${name}=${value} asks for something that ${here} does not do: leave it out, or use ${instead} itself`,
    );
  }
}

/** A line for each flag that asks for something of a part that is not here. */
export function withoutEffect(table: FlagTable, { values }: Settings): string[] {
  return [...values].flatMap(([name, value]) => {
    const known = table.get(name);
    if (known?.effect !== "none" || value === known.default) return [];
    return [`--${name}=${value} has no effect: it is about a part that is not here`];
  });
}

/** All flags in three groups, for --help. */
export function flagGroups(table: FlagTable, shown: (name: string) => boolean = () => true): string {
  const of = (effect: Flag["effect"]) =>
    [...table]
      .filter(([name, one]) => one.effect === effect && shown(name))
      .map(([name, one]) => `  --${name} '${one.default}'\n`)
      .join("");
  return `Flags that do what they do there:
${of("honoured")}
Flags that are taken and have no effect, for there is no such part here:
${of("none")}
Flags that are refused unless they say what they say by default:
${of("refused")}`;
}
