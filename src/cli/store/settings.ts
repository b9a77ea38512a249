/** What flags, environment and configuration file say together, as etcd reads them. */
import { parseDuration } from "../../apimachinery/index.ts";
import { parseBool } from "../../base/index.ts";
import { type Flag, type Settings, settingsFrom } from "../flag-table.ts";
import { choices, flags } from "./flags.ts";

/** The command line itself cannot be read: etcd ends with status 2 then. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const settingsOf = (values: ReadonlyMap<string, string>): Settings => settingsFrom(flags, values);

/**
 * Go's flag syntax: `-name`, `--name`, `--name=value`, `--name value`; a boolean without "=" is true.
 * @throws UsageError
 */
export function parseArguments(args: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] as string;
    const [, name, , inline] = /^--?([^-=][^=]*)(=(.*))?$/s.exec(argument) ?? [];
    if (name === undefined) {
      if (/^--?=|^---/.test(argument)) throw new UsageError(`bad flag syntax: ${argument}`);
      throw new Error(`"${argument === "--" ? (args[i + 1] ?? "") : argument}" is not a valid flag`);
    }
    const known = flags.get(name);
    if (known === undefined) throw new UsageError(`flag provided but not defined: -${name}`);
    let value = inline;
    if (value === undefined && known.kind === "boolean") value = "true";
    if (value === undefined) {
      i++;
      value = args[i];
      if (value === undefined) throw new UsageError(`flag needs an argument: -${name}`);
    }
    checkValue(name, known, value, `invalid value "${value}" for flag -${name}`);
    values.set(name, value);
  }
  return values;
}

const prefix = "ETCD_";
/** Of etcdctl's, and of those that start etcd. */
const ignoredVariables = new Set([
  "ETCD_CONFIG_FILE",
  "ETCD_VERSION",
  "ETCD_UNSUPPORTED_ARCH",
  "ETCD_VERIFY",
]);

/**
 * Adds what stands in ETCD_NAME for --name, and so on. Answers variables that mean nothing.
 * @throws Error where a flag says the same thing
 */
export function addEnvironment(
  values: Map<string, string>,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const unknown: string[] = [];
  for (const [variable, value = ""] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || value === "" || ignoredVariables.has(variable)) continue;
    const name = variable.slice(prefix.length).toLowerCase().replaceAll("_", "-");
    const known = flags.get(name);
    if (known === undefined) {
      unknown.push(variable);
      continue;
    }
    if (values.has(name)) {
      throw new Error(
        `conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag): ${variable}`,
      );
    }
    checkValue(name, known, value, `invalid value "${value}" for ${variable}`);
    values.set(name, value);
  }
  return unknown;
}

/** Sections of a configuration file: their keys, as flags. */
const sections: Readonly<Record<string, string>> = {
  "client-transport-security": "",
  "peer-transport-security": "peer-",
};
/** Keys that have other names than their flags. */
const renamed: Readonly<Record<string, string>> = {
  "peer-client-cert-auth": "peer-client-cert-auth",
  "experimental-snapshot-catch-up-entries": "experimental-snapshot-catchup-entries",
};

/**
 * What a configuration file says (etcd's `etcd.conf.yml`), as flags. Answers keys that mean nothing, too.
 * @throws Error that names the key
 */
export function readConfigFile(content: unknown): { values: Map<string, string>; unknown: string[] } {
  const values = new Map<string, string>();
  const unknown: string[] = [];
  const add = (key: string, name: string, value: unknown): void => {
    if (value === null || value === undefined || value === "") return;
    const known = flags.get(renamed[name] ?? name);
    if (known === undefined) {
      unknown.push(key);
      return;
    }
    const text = textOf(known, value);
    if (text === undefined) throw new Error(`configuration file: ${key} cannot be ${JSON.stringify(value)}`);
    checkValue(name, known, text, `configuration file: invalid value ${JSON.stringify(text)} for ${key}`);
    values.set(renamed[name] ?? name, text);
  };
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw new Error("configuration file: a mapping of keys to values was expected");
  for (const [key, value] of Object.entries(content)) {
    const section = Object.hasOwn(sections, key) ? sections[key] : undefined;
    if (section === undefined) add(key, key, value);
    else if (typeof value === "object" && value !== null)
      for (const [inner, one] of Object.entries(value)) add(`${key}.${inner}`, `${section}${inner}`, one);
  }
  return { values, unknown };
}

/** @throws UsageError */
function checkValue(name: string, known: Flag, value: string, problem: string): void {
  const fits =
    known.kind === "text" ||
    (known.kind === "boolean" && parseBool(value) !== undefined) ||
    (known.kind === "number" &&
      /^-?\d{1,19}$/.test(value) &&
      (name === "quota-backend-bytes" || value[0] !== "-")) ||
    (known.kind === "duration" && parseDuration(value) !== undefined);
  if (!fits) throw new UsageError(`${problem}: parse error`);
  if (choices[name]?.includes(value) === false) throw new UsageError(`${problem}: invalid value "${value}"`);
}

/** Durations of a file are numbers of nanoseconds, where they are no text. */
function textOf(known: Flag, value: unknown): string | undefined {
  if (Array.isArray(value)) return value.map(String).join(",");
  if (typeof value === "object") return undefined;
  return known.kind === "duration" && typeof value === "number" ? `${value}ns` : String(value);
}
