import type { KubeObject } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { AdmissionReader } from "../ports.ts";
import { violations } from "./checks.ts";
import { type Standard, standardText } from "./levels.ts";
import type { PodTemplate } from "./pod.ts";

const pods = { group: "", version: "v1", resource: "pods" };
const podsCheckedMax = 3000;
/** Labelling a namespace must not take long, however many pods there are. */
const checkMsMax = 1000;

/** What to warn of when a namespace is held to a new level: those of its pods that would be refused now, by what is wrong with them. */
export async function podsAgainst(
  standard: Standard,
  {
    namespace,
    runtimeClasses,
    reader,
    clock,
  }: {
    readonly namespace: string;
    /** Whose pods are exempt. */
    readonly runtimeClasses: ReadonlySet<string>;
    readonly reader: AdmissionReader;
    readonly clock: Clock;
  },
): Promise<readonly string[]> {
  const startedAt = clock.monotonic();
  const all = byController(await reader.list(pods, namespace));
  const namesByReasons = new Map<string, string[]>();
  let checked = 0;
  for (const pod of all) {
    if (checked === podsCheckedMax || clock.monotonic() - startedAt > checkMsMax) break;
    checked++;
    if (runtimeClasses.has(pod["spec"]?.runtimeClassName ?? "")) continue;
    // biome-ignore lint/suspicious/noExplicitAny: pods have a spec; the schema has checked it.
    const found = violations(pod as any as PodTemplate, standard);
    if (found.length === 0) continue;
    const reasons = found.map(({ reason }) => reason).join(", ");
    const names = namesByReasons.get(reasons) ?? [];
    names.push(pod.metadata.name ?? "");
    namesByReasons.set(reasons, names);
  }
  const warnings: string[] = [];
  if (checked < all.length) {
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${checked} of ${all.length} existing pods`,
    );
  }
  if (namesByReasons.size === 0) return warnings;
  warnings.push(
    `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level "${standardText(standard)}"`,
  );
  const told = [...namesByReasons].map(([reasons, names]) => `${first(names)}: ${reasons}`);
  return [...warnings, ...told.sort()];
}

function first(names: readonly string[]): string {
  const [name = ""] = [...names].sort();
  if (names.length === 1) return name;
  return names.length === 2 ? `${name} (and 1 other pod)` : `${name} (and ${names.length - 1} other pods)`;
}

/** One pod of each controller first: the others are most likely like it. */
function byController(all: readonly KubeObject[]): readonly KubeObject[] {
  const seen = new Set<string>();
  const [unlike, alike]: [KubeObject[], KubeObject[]] = [[], []];
  for (const pod of all) {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
    (owner === undefined || !seen.has(owner) ? unlike : alike).push(pod);
    if (owner !== undefined) seen.add(owner);
  }
  return [...unlike, ...alike];
}
