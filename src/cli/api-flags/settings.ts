/** What the shared flags say, however they were given. */
import { parseDuration } from "../../apimachinery/index.ts";
import { notBool, parseBool } from "../../base/index.ts";
import { type Flag, type FlagTable, type Settings, settingsFrom } from "../flag-table.ts";
import { apiFlags } from "./definitions.ts";

/** What separates values of a flag that is given several times. */
const separator = "\n";

export interface ApiSettings extends Settings {
  /** Of a flag that may be given several times: all its values. */
  all(name: string): readonly string[];
}

/** The values of a flag that is given for each of them again. */
export const valuesIn = (text: string): string[] => text.split(separator);

export function apiSettings(table: FlagTable, values: ReadonlyMap<string, string>): ApiSettings {
  const settings = settingsFrom(table, values);
  const all = (name: string) => valuesIn(settings.text(name)).filter((value) => value !== "");
  return { ...settings, all };
}

/** A value, with those that were given before where the flag may have several. */
export function joined(name: string, { kind }: Flag, before: string | undefined, value: string): string {
  if (before === undefined) return value;
  if (apiFlags.get(name)?.repeated === true) return `${before}${separator}${value}`;
  return kind === "list" ? `${before},${value}` : value;
}

/** What pflag says of a value that does not fit; undefined where it does. */
export function misfit({ kind }: Flag, value: string): string | undefined {
  const quoted = JSON.stringify(value);
  if (kind === "boolean" && parseBool(value) === undefined) return notBool(value);
  if (kind === "number" && !/^[+-]?\d{1,15}$/.test(value))
    return `strconv.ParseInt: parsing ${quoted}: invalid syntax`;
  if (kind === "duration" && parseDuration(value) === undefined) return `time: invalid duration ${quoted}`;
  return undefined;
}
