import {
  labelValueErrors,
  nameIsDns1035Label,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  qualifiedNameErrors,
} from "../../apimachinery/index.ts";
import type { Library } from "../functions.ts";
import { readTimestamp } from "../timestamps.ts";
import { ArrayList, Failure, Opaque, Optional } from "../values.ts";
import { parseUrl } from "./url.ts";

class FormatValue extends Opaque {
  override readonly typeName = "kubernetes.NamedFormat";
  readonly name: string;
  readonly errors: (text: string) => string[];
  constructor(name: string, errors: (text: string) => string[]) {
    super();
    this.name = name;
    this.errors = errors;
  }
  override equals(other: Opaque): boolean {
    return other instanceof FormatValue && other.name === this.name;
  }
}

const unless = (holds: boolean, error: string): string[] => (holds ? [] : [error]);

function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && readTimestamp(`${text}T00:00:00Z`) !== undefined;
}

const formats: Readonly<Record<string, (text: string) => string[]>> = {
  dns1123Label: (text) => nameIsDnsLabel(text, false),
  dns1123Subdomain: (text) => nameIsDnsSubdomain(text, false),
  dns1035Label: (text) => nameIsDns1035Label(text, false),
  qualifiedName: qualifiedNameErrors,
  dns1123LabelPrefix: (text) => nameIsDnsLabel(text, true),
  dns1123SubdomainPrefix: (text) => nameIsDnsSubdomain(text, true),
  dns1035LabelPrefix: (text) => nameIsDns1035Label(text, true),
  labelValue: labelValueErrors,
  uri: (text) => {
    const url = parseUrl(text);
    return url instanceof Failure ? [url.message] : [];
  },
  uuid: (text) =>
    unless(
      /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text),
      "does not match the UUID format",
    ),
  byte: (text) =>
    unless(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text), "invalid base64"),
  date: (text) => unless(isDate(text), "invalid date"),
  datetime: (text) => unless(readTimestamp(text) !== undefined, "invalid datetime"),
};

const values = new Map(
  Object.entries(formats).map(([name, errors]) => [name, new FormatValue(name, errors)]),
);

export const formatLibrary: Library = {
  "format.named": {
    "(string) -> optional(kubernetes.NamedFormat)": (name: string) => {
      const found = values.get(name);
      return found === undefined ? Optional.none : new Optional(found);
    },
  },
  validate: {
    "kubernetes.NamedFormat.(string) -> optional(list(string))": (format: FormatValue, text: string) => {
      const errors = format.errors(text);
      return errors.length === 0 ? Optional.none : new Optional(new ArrayList(errors));
    },
  },
  ...Object.fromEntries(
    [...values].map(([name, value]) => [`format.${name}`, { "() -> kubernetes.NamedFormat": () => value }]),
  ),
};
