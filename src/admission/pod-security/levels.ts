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

/** As messages name it: `baseline:latest`, `restricted:v1.24`. */
export function standardText({ level, minor }: Standard): string {
  return `${level}:${minor === latest ? "latest" : `v1.${minor}`}`;
}

/** Whether the first asks more of pods than the second. */
export function isStricter(first: Standard, second: Standard): boolean {
  return levels.indexOf(first.level) > levels.indexOf(second.level);
}

/**
 * What the labels of a namespace ask for, and what is wrong with them. Labels that cannot be read are enforced as the strictest and
 * neither audited nor warned of; pods are warned of by the level that is enforced unless a label says otherwise.
 */
export function policyOf(labels: Readonly<Record<string, string>> = {}): {
  readonly policy: Policy;
  readonly complaints: readonly FieldError[];
} {
  const complaints: FieldError[] = [];
  const complain = (label: string, value: string, detail: string): void => {
    complaints.push(field.invalid(`metadata.labels[${label}]`, value, detail));
  };
  const read = (mode: string, whenUnreadable: Level): Standard => {
    const [level, version] = [labels[prefix + mode], labels[`${prefix}${mode}-version`]];
    const known = levels.find((each) => each === level);
    if (level !== undefined && known === undefined) {
      complain(prefix + mode, level, `must be one of ${levels.join(", ")}`);
    }
    const minor = minorOf(version);
    if (version !== undefined && minor === undefined) {
      complain(`${prefix}${mode}-version`, version, 'must be "latest" or "v1.x"');
    }
    return {
      level: known ?? (level === undefined ? unrestricted.level : whenUnreadable),
      minor: minor ?? latest,
    };
  };
  const enforce = read("enforce", "restricted");
  const audit = read("audit", "privileged");
  const warn = read("warn", "privileged");
  const follows =
    labels[`${prefix}warn`] === undefined &&
    labels[`${prefix}enforce`] === enforce.level &&
    isStricter(enforce, warn);
  if (!follows) return { policy: { enforce, audit, warn }, complaints };
  const minor = labels[`${prefix}warn-version`] === undefined ? enforce.minor : warn.minor;
  return { policy: { enforce, audit, warn: { level: enforce.level, minor } }, complaints };
}

function minorOf(version: string | undefined): number | undefined {
  if (version === "latest") return latest;
  const minor = /^v1\.(0|[1-9][0-9]{0,14})$/.exec(version ?? "")?.[1];
  return minor === undefined ? undefined : Number(minor);
}
