import {
  configMapKeyErrors,
  type FieldError,
  field,
  JsonError,
  type KubeObject,
  parseJson,
} from "../../apimachinery/index.ts";
import { complaints, immutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { base64Bytes, dataBytesMax, validateFrozen } from "./config-map.ts";

interface Secret extends KubeObject {
  /** Base64. */
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  type?: string;
  immutable?: boolean;
}

const serviceAccountNameAnnotation = "kubernetes.io/service-account.name";

/** Keys that each type of Secret must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};

/** Types whose value is a JSON document, by the key that holds it. */
const jsonKeys: Readonly<Record<string, string>> = {
  "kubernetes.io/dockercfg": ".dockercfg",
  "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
};

export const secretStrategy: Strategy<Secret> = {
  namespaced: true,
  metadataOnUpdate: ["changes", "object"],
  prepareForCreate: mergeStringData,
  // An old client that does not know of types leaves it out.
  prepareForUpdate: (next, old) => {
    const merged = mergeStringData(next);
    if (!merged.type && old.type !== undefined) merged.type = old.type;
    return merged;
  },
  validate: validateSecret,
  validateUpdate: (next, old) => [
    ...immutable("type", next.type, old.type),
    ...validateFrozen(next, old, ["data"]),
    ...validateSecret(next),
  ],
  warnings: keyPairWarnings,
  warningsOnUpdate: keyPairWarnings,
  selectableFields: { type: (secret) => secret.type ?? "" },
  tableRow: (secret, now) => [
    nameOf(secret),
    secret.type ?? "",
    Object.keys(secret.data ?? {}).length,
    age(secret, now),
  ],
};

/** What TLS would say first of a certificate and a key that are none. */
function keyPairWarnings({ type, data = {} }: Secret): string[] {
  if (type !== "kubernetes.io/tls") return [];
  const holds = (key: string, what: RegExp): boolean =>
    what.test(Buffer.from(data[key] ?? "", "base64").toString("latin1"));
  if (!holds("tls.crt", /-----BEGIN [^-]+-----/))
    return ["tls: failed to find any PEM data in certificate input"];
  if (!holds("tls.key", /-----BEGIN [^-]+-----/)) return ["tls: failed to find any PEM data in key input"];
  return [];
}

/** `stringData` is for writing only: its texts become data. */
function mergeStringData(secret: Secret): Secret {
  const { stringData } = secret;
  if (stringData === undefined) return secret;
  delete secret.stringData;
  const data = { ...secret.data };
  for (const [key, value] of Object.entries(stringData)) data[key] = Buffer.from(value).toString("base64");
  if (Object.keys(data).length > 0) secret.data = data;
  return secret;
}

function validateSecret(secret: Secret): FieldError[] {
  const { data = {} } = secret;
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...complaints(`data[${key}]`, key, configMapKeyErrors(key)));
    bytes += base64Bytes(value);
  }
  if (bytes > dataBytesMax) errors.push(field.tooLong("data", dataBytesMax));
  errors.push(...validateType(secret, data));
  return errors;
}

function validateType(secret: Secret, data: Record<string, string>): FieldError[] {
  const type = secret.type ?? "";
  if (type === "kubernetes.io/service-account-token") {
    const account = secret.metadata.annotations?.[serviceAccountNameAnnotation] ?? "";
    return account === ""
      ? [field.required(`metadata.annotations[${serviceAccountNameAnnotation}]`, "")]
      : [];
  }
  if (type === "kubernetes.io/basic-auth") {
    const keys = ["username", "password"];
    if (keys.some((key) => Object.hasOwn(data, key))) return [];
    return keys.map((key) => field.required(`data[${key}]`, ""));
  }
  const jsonKey = jsonKeys[type];
  if (jsonKey !== undefined) return validateJsonValue(jsonKey, data[jsonKey]);
  // A key of the SSH type has to say something; certificates may be there empty.
  const isMissing = (key: string): boolean =>
    type === "kubernetes.io/ssh-auth" ? !data[key] : !Object.hasOwn(data, key);
  return (requiredKeys[type] ?? []).filter(isMissing).map((key) => field.required(`data[${key}]`, ""));
}

function validateJsonValue(key: string, value: string | undefined): FieldError[] {
  const path = `data[${key}]`;
  if (value === undefined) return [field.required(path, "")];
  try {
    parseJson(Buffer.from(value, "base64").toString());
    return [];
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return [field.invalid(path, "<secret contents redacted>", error.message)];
  }
}
