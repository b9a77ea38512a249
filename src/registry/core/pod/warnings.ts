import { dns1123LabelErrors, labelValueErrors, type ObjectMeta } from "../../../apimachinery/index.ts";
import { ipWarnings } from "../../rules/ip-warnings.ts";
import { deprecatedLabelWarning, selectorTermWarnings } from "../node-labels.ts";
import { fractionWarnings } from "../volume/claim-warnings.ts";
import { appArmorPrefix } from "./app-armor.ts";
import { containerSeccompPrefix, seccompAnnotation } from "./pod-annotations.ts";
import { portWarnings } from "./port-warnings.ts";
import type { Affinity, Container, EnvVar, Pod, PodAffinity, PodSpec, PodTemplate } from "./types.ts";
import { volumeWarnings } from "./volume-warnings.ts";

/** What works but will not for ever, or not as its author thinks: upstream's warningsForPodSpecAndMeta, in its order. */

const useSeccompField = 'non-functional in v1.27+; use the "seccompProfile" field instead';

const oldAnnotations: readonly (readonly [key: string, text: string])[] = [
  [
    "scheduler.alpha.kubernetes.io/critical-pod",
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  ],
  ["security.alpha.kubernetes.io/sysctls", 'non-functional in v1.11+; use the "sysctls" field instead'],
  [
    "security.alpha.kubernetes.io/unsafe-sysctls",
    'non-functional in v1.11+; use the "sysctls" field instead',
  ],
];

/** A new pod's name is also the host name that its programs see. */
export function newPodWarnings(pod: Pod): string[] {
  const { name = "" } = pod.metadata;
  const malformed = dns1123LabelErrors(name);
  const consequence = "this is used in the Pod's hostname, which can result in surprising behavior";
  const first =
    malformed.length === 0
      ? []
      : [`metadata.name: ${consequence}; a DNS label is recommended: [${malformed.join(" ")}]`];
  return [...first, ...podWarnings(pod)];
}

interface PodMaker {
  readonly metadata: ObjectMeta;
  readonly spec: { readonly template?: PodTemplate };
}

/** Of an update of what makes pods: only where something else is wanted now than before. */
export function templateWarnings(next: PodMaker, old: PodMaker): string[] {
  if (next.metadata.generation === old.metadata.generation) return [];
  return podWarnings(next.spec.template ?? {}, "spec.template.");
}

/** `prefix`: where the template stands in the object, ending in a dot; "" for a Pod. */
export function podWarnings({ metadata, spec }: PodTemplate, prefix = ""): string[] {
  if (spec === undefined) return [];
  const path = `${prefix}spec`;
  const annotations = metadata?.annotations ?? {};
  const annotated = (key: string, text: string): string[] =>
    annotations[key] === undefined ? [] : [`${prefix}metadata.annotations[${key}]: ${text}`];
  return [
    ...nodeWarnings(spec, path),
    ...spreadWarnings(spec, path),
    ...oldAnnotations.flatMap(([key, text]) => annotated(key, text)),
    ...volumeWarnings(spec, path),
    ...repeatWarnings(spec, path),
    ...fractionWarnings(spec.overhead, ["memory", "ephemeral-storage"], `${path}.overhead`),
    ...(spec.securityContext?.seccompProfile === undefined
      ? annotated(seccompAnnotation, useSeccompField)
      : []),
    ...containersOf(spec, path).flatMap(({ container, at }) => [
      ...(container.securityContext?.seccompProfile === undefined
        ? annotated(containerSeccompPrefix + container.name, useSeccompField)
        : []),
      ...appArmorWarnings(spec, container, prefix, annotated),
      ...containerWarnings(container, at),
    ]),
    ...portWarnings(containersOf(spec, path)),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [
          `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
    ...affinityWarnings(spec.affinity?.podAffinity, `${path}.affinity.podAffinity`),
    ...affinityWarnings(spec.affinity?.podAntiAffinity, `${path}.affinity.podAntiAffinity`),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((server, i) =>
      ipWarnings(`${path}.dnsConfig.nameservers[${i}]`, server),
    ),
    ...(spec.hostAliases ?? []).flatMap(({ ip }, i) => ipWarnings(`${path}.hostAliases[${i}].ip`, ip)),
  ];
}

const lists = ["initContainers", "containers", "ephemeralContainers"] as const;

function containersOf(spec: PodSpec, path: string): { container: Container; at: string }[] {
  return lists.flatMap((list) =>
    (spec[list] ?? []).map((container, i) => ({ container, at: `${path}.${list}[${i}]` })),
  );
}

const required = "requiredDuringSchedulingIgnoredDuringExecution";
const preferred = "preferredDuringSchedulingIgnoredDuringExecution";

function nodeWarnings({ nodeSelector = {}, affinity }: PodSpec, path: string): string[] {
  const selected = Object.keys(nodeSelector).flatMap((key) => {
    const text = deprecatedLabelWarning(key);
    return text === undefined ? [] : [`${path}.nodeSelector[${key}]: ${text}`];
  });
  const wanted: Affinity["nodeAffinity"] = affinity?.nodeAffinity;
  const at = `${path}.affinity.nodeAffinity`;
  return [
    ...selected,
    ...(wanted?.[required]?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      selectorTermWarnings(term, `${at}.${required}.nodeSelectorTerms[${i}]`),
    ),
    ...(wanted?.[preferred] ?? []).flatMap(({ preference }, i) => [
      ...selectorTermWarnings(preference, `${at}.${preferred}[${i}].preference`, labelValueErrors),
    ]),
  ];
}

const selectsNothing = "a null labelSelector results in matching no pod";

function spreadWarnings({ topologySpreadConstraints = [] }: PodSpec, path: string): string[] {
  return topologySpreadConstraints.flatMap(({ topologyKey = "", labelSelector }, i) => {
    const at = `${path}.topologySpreadConstraints[${i}]`;
    const text = deprecatedLabelWarning(topologyKey);
    return [
      ...(text === undefined ? [] : [`${at}.topologyKey: ${topologyKey} is ${text}`]),
      ...(labelSelector === undefined ? [`${at}.labelSelector: ${selectsNothing}`] : []),
    ];
  });
}

function affinityWarnings(affinity: PodAffinity | undefined, path: string): string[] {
  const terms = [
    ...(affinity?.[required] ?? []).map((term, i) => ({ term, at: `${path}.${required}[${i}]` })),
    ...(affinity?.[preferred] ?? []).map(({ podAffinityTerm: term }, i) => ({
      term,
      at: `${path}.${preferred}[${i}].podAffinityTerm`,
    })),
  ];
  return terms
    .filter(({ term }) => term.labelSelector === undefined)
    .map(({ at }) => `${at}.labelSelector: ${selectsNothing}`);
}

function repeatWarnings({ hostAliases = [], imagePullSecrets = [] }: PodSpec, path: string): string[] {
  const repeats = (values: readonly string[]): number[] =>
    values.flatMap((value, i) => (values.indexOf(value) < i ? [i] : []));
  const names = imagePullSecrets.map(({ name = "" }) => name);
  const at = (i: number): string => `${path}.imagePullSecrets[${i}].name`;
  return [
    ...repeats(hostAliases.map(({ ip }) => ip)).map(
      (i) => `${path}.hostAliases[${i}].ip: duplicate ip "${hostAliases[i]?.ip}"`,
    ),
    ...repeats(names).map((i) => `${at(i)}: duplicate name "${names[i]}"`),
    ...names.flatMap((name, i) => (name === "" ? [`${at(i)}: invalid empty name ""`] : [])),
  ];
}

/** New pods are told when their annotations become fields. */
function appArmorWarnings(
  spec: PodSpec,
  { name, securityContext }: Container,
  prefix: string,
  annotated: (key: string, text: string) => string[],
): string[] {
  if (prefix === "" || securityContext?.appArmorProfile !== undefined) return [];
  if (spec.securityContext?.appArmorProfile !== undefined) return [];
  return annotated(appArmorPrefix + name, 'deprecated since v1.30; use the "appArmorProfile" field instead');
}

function containerWarnings({ resources, env = [] }: Container, path: string): string[] {
  const fractions = ["memory", "ephemeral-storage"].flatMap((name) =>
    (["limits", "requests"] as const).flatMap((part) =>
      fractionWarnings(resources?.[part], [name], `${path}.resources.${part}`),
    ),
  );
  const names = new Set<string>();
  const hidden = env.flatMap((variable, i) => {
    const { name } = variable;
    if (!names.has(name)) {
      names.add(name);
      return [];
    }
    const text = `hides previous definition of "${name}", which may be dropped when using apply`;
    return addsToItself(variable) ? [] : [`${path}.env[${i}]: ${text}`];
  });
  return [...fractions, ...hidden];
}

/** `PATH=$(PATH):/more` keeps what was there. */
function addsToItself({ name, value = "", valueFrom }: EnvVar): boolean {
  const reference = `$(${name})`;
  return valueFrom === undefined && value !== reference && value.includes(reference);
}
