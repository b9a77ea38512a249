/** Arguments in the syntax of pflag, with its error texts. */
import { type ApiSettings, apiSettings, joined, misfit } from "../api-flags/settings.ts";
import { flags } from "./flags.ts";

/** `--name=value`, `--name value`, `--switch`, `-v 4`, `-v=4`. @throws Error with pflag's text */
export function parseArguments(args: readonly string[]): ApiSettings {
  const values = new Map<string, string>();
  const positional: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] as string;
    if (argument === "--") {
      positional.push(...args.slice(i + 1));
      break;
    }
    const [, dashes = "", name, inline] = /^(--?)([^-=][^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === undefined) {
      if (argument.startsWith("-") && argument !== "-") throw new Error(`bad flag syntax: ${argument}`);
      positional.push(argument);
      continue;
    }
    if (dashes === "-" && name !== "v")
      throw new Error(
        `unknown shorthand flag: ${JSON.stringify(name[0]).replaceAll('"', "'")} in ${argument}`,
      );
    const known = flags.get(name);
    if (known === undefined) throw new Error(`unknown flag: --${name}`);
    let value = inline;
    if (value === undefined && known.kind === "boolean") value = "true";
    if (value === undefined) {
      i++;
      value = args[i];
      if (value === undefined) throw new Error(`flag needs an argument: --${name}`);
    }
    const problem = misfit(known, value);
    if (problem !== undefined)
      throw new Error(`invalid argument ${JSON.stringify(value)} for "--${name}" flag: ${problem}`);
    values.set(name, joined(name, known, values.get(name), value));
  }
  if (positional.length > 0)
    throw new Error(
      `"kube-apiserver" does not take any arguments, got [${positional.map((one) => JSON.stringify(one)).join(" ")}]`,
    );
  return apiSettings(flags, values);
}
