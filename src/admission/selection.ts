/** Which plugins stand between a write and the store: upstream's flags `--enable-admission-plugins` and `--disable-admission-plugins`. */
import type { TolerationSeconds } from "./default-toleration-seconds.ts";
import type { PodSecurityConfiguration } from "./pod-security/configuration.ts";

export interface AdmissionSelection {
  /** Besides those that are on by default. */
  readonly enable: readonly string[];
  readonly disable: readonly string[];
  /** How long pods stay where they cannot run, unless they say otherwise; five minutes when left out. */
  readonly tolerationSeconds?: TolerationSeconds;
  /** What holds for namespaces without labels, and who is exempt: nothing and nobody when left out. */
  readonly podSecurity?: PodSecurityConfiguration;
}

/** As kubeadm has it. */
export const standardAdmission: AdmissionSelection = { enable: ["NodeRestriction"], disable: [] };

/** On only where they are asked for; the other plugins are on unless they are disabled. */
const offByDefault: ReadonlySet<string> = new Set([
  "AlwaysDeny",
  "AlwaysPullImages",
  "DenyServiceExternalIPs",
  "NamespaceExists",
  "NodeRestriction",
  "OwnerReferencesPermissionEnforcement",
]);

/** Upstream's names for what changes nothing: of themselves, or while feature gates are off that are off by default. */
const withoutEffect: ReadonlySet<string> = new Set([
  "AlwaysAdmit",
  "ClusterTrustBundleAttest",
  "MutatingAdmissionPolicy",
  "NodeDeclaredFeatureValidator",
]);

/** Upstream's names for plugins that this server does not have, all off by default. */
const absent: ReadonlySet<string> = new Set([
  "EventRateLimit",
  "ExtendedResourceToleration",
  "ImagePolicyWebhook",
  "LimitPodHardAntiAffinityTopology",
  "NamespaceAutoProvision",
  "PodNodeSelector",
  "PodTolerationRestriction",
]);

/** @throws Error with upstream's text for names that nothing has, and for plugins that are not here */
export function selected<Plugin extends { readonly name: string }>(
  plugins: readonly Plugin[],
  { enable, disable }: AdmissionSelection,
): Plugin[] {
  const known = new Set([...plugins.map(({ name }) => name), ...withoutEffect, ...absent]);
  for (const [flag, names] of [
    ["enable-admission-plugins", enable],
    ["disable-admission-plugins", disable],
  ] as const) {
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined) throw new Error(`${flag} plugin ${JSON.stringify(unknown)} is unknown`);
  }
  const both = enable.filter((name) => disable.includes(name));
  if (both.length > 0)
    throw new Error(
      `[${both.join(" ")}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    );
  const missing = enable.find((name) => absent.has(name));
  if (missing !== undefined)
    throw new Error(`enable-admission-plugins: this server does not have the plugin ${missing}`);
  return plugins.filter(({ name }) =>
    offByDefault.has(name) ? enable.includes(name) : !disable.includes(name),
  );
}
