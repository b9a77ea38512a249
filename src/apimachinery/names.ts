import type { NumberSource } from "../base/index.ts";

/**
 * Rules of names: k8s.io/apimachinery/pkg/util/validation. Every check answers upstream's texts for what is wrong, an empty list for
 * a good value. The texts quote upstream's expressions; those used here accept the same values without ambiguity, so that
 * matching takes linear time whatever the input.
 */
export type NameCheck = (value: string) => string[];

const labelText = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomainText = `${labelText}(\\.${labelText})*`;
const dns1035Text = "[a-z]([-a-z0-9]*[a-z0-9])?";
const underscoredLabelText = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const underscoredSubdomainText = `${underscoredLabelText}(\\.${underscoredLabelText})*`;
const keyText = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

const label = /^[a-z0-9]+(?:-+[a-z0-9]+)*$/;
const subdomain = /^[a-z0-9]+(?:(?:-+|\.)[a-z0-9]+)*$/;
const underscoredSubdomain = /^_?[a-z0-9]+(?:[-_]+[a-z0-9]+)*(?:\._?[a-z0-9]+(?:[-_]+[a-z0-9]+)*)*$/;
const dns1035 = /^[a-z][a-z0-9]*(?:-+[a-z0-9]+)*$/;
const labelKey = /^[A-Za-z0-9]+(?:[-_.]+[A-Za-z0-9]+)*$/;
const configKey = /^[-._a-zA-Z0-9]+$/;
const printableWithoutEquals = /^[ -<>-~]*$/;

const labelLengthMax = 63;
const subdomainLengthMax = 253;
const portNameLengthMax = 15;

/** Bytes of UTF-8, which is what upstream counts. */
function byteLength(value: string): number {
  return Buffer.byteLength(value, "utf8");
}

/** Bytes are meant; upstream says so only in its newer rules. */
export function maxLengthError(max: number, unit: "characters" | "bytes" = "characters"): string {
  return `must be no more than ${max} ${unit}`;
}

export function rangeError(low: number, high: number): string {
  return `must be between ${low} and ${high}, inclusive`;
}

/** A rule in words, with examples and the expression behind it. */
export function regexError(rule: string, expression: string, ...examples: string[]): string {
  if (examples.length === 0) return `${rule} (regex used for validation is '${expression}')`;
  const listed = examples.map((example) => `'${example}', `).join(" or ");
  return `${rule} (e.g. ${listed}regex used for validation is '${expression}')`;
}

/** RFC 1123 subdomain, 253 characters: most names. */
export function dns1123SubdomainErrors(value: string, unit: "characters" | "bytes" = "characters"): string[] {
  const errors = byteLength(value) > subdomainLengthMax ? [maxLengthError(subdomainLengthMax, unit)] : [];
  if (!subdomain.test(value)) {
    errors.push(
      regexError(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        subdomainText,
        "example.com",
      ),
    );
  }
  return errors;
}

/** As dns1123SubdomainErrors, with underscores: domains that a resolver appends to names. */
export function underscoredSubdomainErrors(value: string): string[] {
  const errors = byteLength(value) > subdomainLengthMax ? [maxLengthError(subdomainLengthMax)] : [];
  if (!underscoredSubdomain.test(value)) {
    errors.push(
      regexError(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
        underscoredSubdomainText,
        "example.com",
      ),
    );
  }
  return errors;
}

/** RFC 1123 label, 63 characters: namespaces, container names. */
export function dns1123LabelErrors(value: string): string[] {
  const errors = byteLength(value) > labelLengthMax ? [maxLengthError(labelLengthMax)] : [];
  if (!label.test(value)) {
    errors.push(
      subdomain.test(value)
        ? "must not contain dots"
        : regexError(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            labelText,
            "my-name",
            "123-abc",
          ),
    );
  }
  return errors;
}

/** RFC 1035 label, 63 characters: names of Services. */
export function dns1035LabelErrors(value: string): string[] {
  const errors = byteLength(value) > labelLengthMax ? [maxLengthError(labelLengthMax)] : [];
  if (!dns1035.test(value)) {
    errors.push(
      regexError(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        dns1035Text,
        "my-name",
        "abc-123",
      ),
    );
  }
  return errors;
}

/** `*.` and an RFC 1123 subdomain: hosts of Ingresses. */
export function wildcardSubdomainErrors(value: string): string[] {
  const errors = byteLength(value) > subdomainLengthMax ? [maxLengthError(subdomainLengthMax)] : [];
  if (!(value.startsWith("*.") && subdomain.test(value.slice(2)))) {
    errors.push(
      regexError(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        `\\*\\.${subdomainText}`,
        "*.example.com",
      ),
    );
  }
  return errors;
}

const keyRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const keyError = regexError(keyRule, keyText, "MyName", "my.name", "123-abc");

/** `prefix/name` with an optional prefix: label keys, annotation keys, taint keys, finalizers. */
export function qualifiedNameErrors(value: string): string[] {
  const parts = value.split("/", 3);
  if (parts.length > 2) {
    return [
      `a valid label key ${keyError} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const errors: string[] = [];
  const name = parts.at(-1) as string;
  if (parts.length === 2) {
    const prefix = parts[0] as string;
    if (prefix === "") errors.push("prefix part must be non-empty");
    else errors.push(...dns1123SubdomainErrors(prefix, "bytes").map((error) => `prefix part ${error}`));
  }
  if (name === "") errors.push("name part must be non-empty");
  else if (byteLength(name) > labelLengthMax)
    errors.push(`name part ${maxLengthError(labelLengthMax, "bytes")}`);
  if (!labelKey.test(name)) errors.push(`name part ${keyError}`);
  return errors;
}

export function labelValueErrors(value: string): string[] {
  const errors = byteLength(value) > labelLengthMax ? [maxLengthError(labelLengthMax, "bytes")] : [];
  if (value !== "" && !labelKey.test(value)) {
    errors.push(
      regexError(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        `(${keyText})?`,
        "MyValue",
        "my_value",
        "12345",
      ),
    );
  }
  return errors;
}

/** Keys of ConfigMaps and Secrets, which become file names. */
export function configMapKeyErrors(value: string): string[] {
  const errors = byteLength(value) > subdomainLengthMax ? [maxLengthError(subdomainLengthMax)] : [];
  if (!configKey.test(value)) {
    errors.push(
      regexError(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        "[-._a-zA-Z0-9]+",
        "key.name",
        "KEY_NAME",
        "key-name",
      ),
    );
  }
  if (value === "." || value === "..") errors.push(`must not be '${value}'`);
  else if (value.startsWith("..")) errors.push("must not start with '..'");
  return errors;
}

/** IANA service names: named ports. */
export function portNameErrors(value: string): string[] {
  const errors = byteLength(value) > portNameLengthMax ? [maxLengthError(portNameLengthMax)] : [];
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!/[a-z]/.test(value)) errors.push("must contain at least one letter (a-z)");
  if (value.includes("--")) errors.push("must not contain consecutive hyphens");
  if (value.startsWith("-") || value.endsWith("-")) errors.push("must not begin or end with a hyphen");
  return errors;
}

export function portNumberErrors(value: number): string[] {
  return value >= 1 && value <= 65_535 ? [] : [rangeError(1, 65_535)];
}

/** Environment variable names: any printable ASCII but "=". */
export function envVarNameErrors(value: string): string[] {
  if (value === "") return ["environment variable name must be non-empty"];
  if (printableWithoutEquals.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** What may be a segment of a URL path: names of RBAC objects. */
export function pathSegmentErrors(value: string): string[] {
  if (value === "." || value === "..") return [`may not be '${value}'`];
  return ["/", "%"]
    .filter((illegal) => value.includes(illegal))
    .map((illegal) => `may not contain '${illegal}'`);
}

/** IPv4 or IPv6 address; leading zeros in IPv4 are taken, as upstream's legacy fields do. */
export function ipErrors(value: string): string[] {
  return isIp(value) ? [] : ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"];
}

function isIp(value: string): boolean {
  if (value.length > 45) return false;
  return value.includes(":") ? isIpV6(value) : isIpV4(value);
}

function isIpV4(value: string): boolean {
  const parts = value.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,9}$/.test(part) && Number(part) <= 255);
}

function isIpV6(value: string): boolean {
  const halves = value.split("::");
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  const tail = groups.at(-1) as string[];
  const last = tail.at(-1);
  let count = groups.reduce((sum, half) => sum + half.length, 0);
  if (last?.includes(".")) {
    if (!isIpV4(last)) return false;
    tail.pop();
    count += 1;
  }
  if (!groups.flat().every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? count <= 7 : count === 8;
}

const suffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";
const suffixLength = 5;
const generatedNameLengthMax = 63;

/** `base` and five random characters, cut so that a name of at most 63 results: apiserver's names.SimpleNameGenerator. */
export function generateName(base: string, random: NumberSource): string {
  let name = base.slice(0, generatedNameLengthMax - suffixLength);
  for (let i = 0; i < suffixLength; i++) name += suffixAlphabet[Math.floor(random() * suffixAlphabet.length)];
  return name;
}
