import { type FieldError, field } from "../../apimachinery/index.ts";

/** From the laxest to the strictest. */
const levels = ["privileged", "baseline", "restricted"] as const;
type Level = (typeof levels)[number];

/** A level as a minor version of Kubernetes 1 understood it; by default as the latest does. */
export interface Standard {
  readonly level: Level;
  /** Infinity for `latest`. */
  readonly minor: number;
}

/** What a namespace asks of its pods: k8s.io/pod-security-admission/api.Policy. */
export interface Policy {
  readonly enforce: Standard;
  readonly audit: Standard;
  readonly warn: Standard;
}

const prefix = "pod-security.kubernetes.io/";
const latest = Number.POSITIVE_INFINITY;
const unrestricted: Standard = { level: "privileged", minor: latest };
/** Of namespaces that nobody asks anything of. */
export const unrestrictedPolicy: Policy = { enforce: unrestricted, audit: unrestricted, warn: unrestricted };

/** As messages name it: `baseline:latest`, `restricted:v1.24`. */
export function standardText({ level, minor }: Standard): string {
  return `${level}:${minor === latest ? "latest" : `v1.${minor}`}`;
}

/** Whether the first asks more of pods than the second. */
export function isStricter(first: Standard, second: Standard): boolean {
  return levels.indexOf(first.level) > levels.indexOf(second.level);
}

/** What labels ask for, without what holds by default: `enforce=restricted:latest, audit=baseline:v1.20`. */
export function labelledText(policy: Policy, labels: Readonly<Record<string, string>> = {}): string {
  const asked = modes.filter((mode) =>
    [mode, `${mode}-version`].some((name) => labels[prefix + name] !== undefined),
  );
  return asked.map((mode) => `${mode}=${standardText(policy[mode])}`).join(", ");
}

const modes = ["enforce", "audit", "warn"] as const;

/** A level or a version, as labels and configurations name them. */
export type PolicyText = Mode | `${Mode}-version`;
type Mode = (typeof modes)[number];

interface Complaint {
  readonly name: PolicyText;
  readonly value: string;
  readonly detail: string;
}

/** What the labels of a namespace ask for, and what is wrong with them. */
export function policyOf(
  labels: Readonly<Record<string, string>> = {},
  defaults: Policy = unrestrictedPolicy,
): {
  readonly policy: Policy;
  readonly complaints: readonly FieldError[];
} {
  const { policy, complaints } = readPolicy((name) => labels[prefix + name], defaults);
  return {
    policy,
    complaints: complaints.map(({ name, value, detail }) =>
      field.invalid(`metadata.labels[${prefix}${name}]`, value, detail),
    ),
  };
}

/**
 * A policy by its texts, and what is wrong with them. What cannot be read is enforced as the strictest and neither audited nor warned of;
 * pods are warned of by the level that is enforced unless somebody says otherwise.
 */
export function readPolicy(
  textOf: (name: PolicyText) => string | undefined,
  defaults: Policy,
): { readonly policy: Policy; readonly complaints: readonly Complaint[] } {
  const complaints: Complaint[] = [];
  const read = (mode: Mode, whenUnreadable: Level): Standard => {
    const [level, version] = [textOf(mode), textOf(`${mode}-version`)];
    const known = levels.find((each) => each === level);
    if (level !== undefined && known === undefined)
      complaints.push({ name: mode, value: level, detail: `must be one of ${levels.join(", ")}` });
    const minor = minorOf(version);
    if (version !== undefined && minor === undefined)
      complaints.push({ name: `${mode}-version`, value: version, detail: 'must be "latest" or "v1.x"' });
    return {
      level: known ?? (level === undefined ? defaults[mode].level : whenUnreadable),
      minor: minor ?? (version === undefined ? defaults[mode].minor : latest),
    };
  };
  const enforce = read("enforce", "restricted");
  const audit = read("audit", "privileged");
  const warn = read("warn", "privileged");
  const follows =
    textOf("warn") === undefined && textOf("enforce") === enforce.level && isStricter(enforce, warn);
  if (!follows) return { policy: { enforce, audit, warn }, complaints };
  const minor = textOf("warn-version") === undefined ? enforce.minor : warn.minor;
  return { policy: { enforce, audit, warn: { level: enforce.level, minor } }, complaints };
}

function minorOf(version: string | undefined): number | undefined {
  if (version === "latest") return latest;
  const minor = /^v1\.(0|[1-9][0-9]{0,14})$/.exec(version ?? "")?.[1];
  return minor === undefined ? undefined : Number(minor);
}
