/** The shared flags as options of a command, and as arguments of a process of one's own. */
import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { defaults } from "../defaults.ts";
import { type ApiFlag, apiFlags, file } from "./definitions.ts";
import { type ApiSettings, apiSettings, joined, misfit, valuesIn } from "./settings.ts";

/** Where a cluster that makes its own certificates begins with something else than kube-apiserver. */
const own: Readonly<Record<string, { readonly default: string; readonly help?: string }>> = {
  "service-account-issuer": { default: defaults.serviceAccountIssuer },
  "authorization-mode": { default: "Node,RBAC" },
  "service-account-signing-key-file": {
    default: "",
    help: "private key that signs ServiceAccount tokens (sa.key among the certificates by default)",
  },
  "requestheader-client-ca-file": {
    default: "",
    help: "who signs certificates of proxies that say in headers who asks (front-proxy-ca.crt among the certificates by default; names and headers as kubeadm has them)",
  },
};

const flags: ReadonlyMap<string, ApiFlag> = new Map(
  [...apiFlags].map(([name, flag]) => [name, { ...flag, ...own[name] }]),
);

/** `groups`: which of them; all where left out. */
export function withApiFlags(command: Command, groups?: readonly ApiFlag["group"][]): Command {
  for (const [name, flag] of flags)
    if (groups === undefined || groups.includes(flag.group)) command.addOption(optionOf(name, flag));
  return command;
}

function optionOf(name: string, flag: ApiFlag): Option {
  const help = flag.default === "" ? flag.help : `${flag.help} (default: ${flag.default})`;
  const option = new Option(`--${name} ${flag.value ?? "[bool]"}`, help).helpGroup(`${flag.group}:`);
  return option.argParser((value: string, before: string | undefined) => {
    const problem = misfit(flag, value);
    if (problem !== undefined) throw new InvalidArgumentError(problem);
    return joined(name, flag, before, value);
  });
}

/** `options`: as commander has them, `oidcIssuerUrl` for `--oidc-issuer-url`. */
export function settingsOf(options: object): ApiSettings {
  const given = options as Readonly<Record<string, unknown>>;
  const values = new Map<string, string>();
  for (const name of flags.keys()) {
    const value = given[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof value === "string") values.set(name, value);
    // A switch that says no more than its name.
    else if (value === true) values.set(name, "true");
  }
  return apiSettings(flags, values);
}

/** The same flags for a process of one's own, wherever it runs. */
export function apiArguments(options: object): string[] {
  return [...settingsOf(options).values].flatMap(([name, text]) => {
    const isFile = flags.get(name)?.value === file && text !== "";
    return valuesIn(text).map((value) => `--${name}=${isFile ? resolve(value) : value}`);
  });
}
