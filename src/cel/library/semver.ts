import type { Library } from "../functions.ts";
import { Failure, fail, Opaque } from "../values.ts";

const version =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** Longer texts are no versions: the expression above is linear, but nobody has such versions. */
const charactersMax = 256;

class SemverValue extends Opaque {
  override readonly typeName = "kubernetes.Semver";
  readonly numbers: readonly bigint[];
  readonly prerelease: readonly string[];
  constructor(numbers: readonly bigint[], prerelease: readonly string[]) {
    super();
    this.numbers = numbers;
    this.prerelease = prerelease;
  }
  override equals(other: Opaque): boolean {
    return other instanceof SemverValue && compareVersions(this, other) === 0;
  }
}

export function semverOf(text: string): SemverValue | Failure {
  const match = text.length > charactersMax ? null : version.exec(text);
  if (match === null) {
    if (text === "") return fail("Version string empty");
    if (text.split(".").length < 3) return fail("No Major.Minor.Patch elements found");
    return fail(`Invalid character(s) found in version ${JSON.stringify(text)}`);
  }
  const [, major = "0", minor = "0", patch = "0", prerelease] = match;
  return new SemverValue([BigInt(major), BigInt(minor), BigInt(patch)], prerelease?.split(".") ?? []);
}

/** A leading v goes, missing parts become 0, leading zeros go. */
function normalize(text: string): string | Failure {
  const [first = "", second, ...rest] = text.replace(/^v/, "").split(".");
  const parts = [first, second, rest.length === 0 ? undefined : rest.join(".")]
    .filter((part) => part !== undefined)
    .map((part) => part.replace(/^0+(?=\d)/, ""));
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? "")) {
    return fail("short version cannot contain PreRelease/Build meta data");
  }
  while (parts.length < 3) parts.push("0");
  return parts.join(".");
}

function semver(text: string, tolerant = false): SemverValue | Failure {
  const normal = tolerant ? normalize(text) : text;
  return normal instanceof Failure ? normal : semverOf(normal);
}

function compareVersions(a: SemverValue, b: SemverValue): number {
  for (const [at, number] of a.numbers.entries()) {
    const other = b.numbers[at] as bigint;
    if (number !== other) return number < other ? -1 : 1;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return Math.sign(b.prerelease.length - a.prerelease.length);
  }
  for (const [at, part] of a.prerelease.entries()) {
    const other = b.prerelease[at];
    if (other === undefined) return 1;
    if (part === other) continue;
    const isNumber = /^\d+$/.test(part);
    const otherIsNumber = /^\d+$/.test(other);
    if (isNumber && otherIsNumber) return BigInt(part) < BigInt(other) ? -1 : 1;
    if (isNumber !== otherIsNumber) return isNumber ? -1 : 1;
    return part < other ? -1 : 1;
  }
  return a.prerelease.length < b.prerelease.length ? -1 : 0;
}

const part = (at: number) => (value: SemverValue) => value.numbers[at] as bigint;

export const semverLibrary: Library = {
  semver: {
    "(string) -> kubernetes.Semver": (text: string) => semver(text),
    "(string, bool) -> kubernetes.Semver": semver,
  },
  isSemver: {
    "(string) -> bool": (text: string) => !(semver(text) instanceof Failure),
    "(string, bool) -> bool": (text: string, tolerant: boolean) =>
      !(semver(text, tolerant) instanceof Failure),
  },
  isGreaterThan: {
    "kubernetes.Semver.(kubernetes.Semver) -> bool": (a: SemverValue, b: SemverValue) =>
      compareVersions(a, b) > 0,
  },
  isLessThan: {
    "kubernetes.Semver.(kubernetes.Semver) -> bool": (a: SemverValue, b: SemverValue) =>
      compareVersions(a, b) < 0,
  },
  compareTo: {
    "kubernetes.Semver.(kubernetes.Semver) -> int": (a: SemverValue, b: SemverValue) =>
      BigInt(compareVersions(a, b)),
  },
  major: { "kubernetes.Semver.() -> int": part(0) },
  minor: { "kubernetes.Semver.() -> int": part(1) },
  patch: { "kubernetes.Semver.() -> int": part(2) },
};
