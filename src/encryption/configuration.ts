import {
  type ConfigurationKind,
  configurationDocument,
  isJsonObject,
  type Json,
  type JsonObject,
  parseYaml,
} from "../apimachinery/index.ts";
import { aesCbc, aesGcm, type Cipher, type RandomBytes } from "./ciphers.ts";
import { identity, keyed, type Transformer, TransformerList } from "./transformers.ts";

/** Of a resource: what encrypts it; undefined where nothing does. */
export type Encryption = (of: {
  readonly group: string;
  readonly resource: string;
}) => TransformerList | undefined;

interface NamedCipher {
  readonly name: string;
  readonly cipher: Cipher;
}

interface Entry {
  readonly resources: readonly string[];
  readonly transformers: TransformerList;
}

const encryptionKind: ConfigurationKind = {
  group: "apiserver.config.k8s.io",
  versions: ["v1"],
  kind: "EncryptionConfiguration",
};

const keySizes: ReadonlySet<number> = new Set([16, 24, 32]);

/**
 * apiserver.config.k8s.io/v1 EncryptionConfiguration: which resources are encrypted, with which keys. The first entry that names a
 * resource counts; `*.group` names all of a group, `*.` the core group's, `*.*` all there are.
 * @throws Error that names the field
 */
export function parseEncryption(text: string, random: RandomBytes): Encryption {
  const { resources } = configurationDocument(parseYaml(text), encryptionKind);
  if (!Array.isArray(resources) || resources.length === 0)
    throw new Error("resources: Required value: provide at least one resource entry");
  const entries = resources.map((each, i) => entryOf(each, `resources[${i}]`, random));
  return ({ group, resource }) =>
    entries.find(({ resources: names }) => names.some((name) => isMeant(name, group, resource)))
      ?.transformers;
}

function entryOf(value: Json | undefined, path: string, random: RandomBytes): Entry {
  const { resources, providers } = objectOf(value, path);
  if (
    !Array.isArray(resources) ||
    resources.length === 0 ||
    !resources.every((name) => typeof name === "string")
  )
    throw new Error(`${path}.resources: Required value: provide at least one resource name`);
  if (!Array.isArray(providers) || providers.length === 0)
    throw new Error(`${path}.providers: Required value: provide at least one provider`);
  const transformers = providers.map((each, i) => provider(each, `${path}.providers[${i}]`, random));
  return {
    resources: resources as string[],
    transformers: new TransformerList(transformers as [Transformer, ...Transformer[]]),
  };
}

function provider(value: Json | undefined, path: string, random: RandomBytes): Transformer {
  const fields = objectOf(value, path);
  const [name, ...more] = Object.keys(fields);
  if (name === undefined || more.length > 0)
    throw new Error(
      `${path}: Invalid value: provider does not contain exactly one of the expected providers`,
    );
  switch (name) {
    case "identity":
      return identity;
    case "aescbc":
      return keyed(
        name,
        keysOf(fields[name], `${path}.aescbc`, (secret) => aesCbc(secret, random)),
      );
    case "aesgcm":
      return keyed(
        name,
        keysOf(fields[name], `${path}.aesgcm`, (secret) => aesGcm(secret, random)),
      );
    case "secretbox":
    case "kms":
      throw new Error(`${path}.${name}: not served here: use aesgcm or aescbc`);
    default:
      throw new Error(`unknown field "${path}.${name}"`);
  }
}

function keysOf(
  value: Json | undefined,
  path: string,
  cipherOf: (secret: Uint8Array) => Cipher,
): [NamedCipher, ...NamedCipher[]] {
  const { keys } = objectOf(value, path);
  if (!Array.isArray(keys) || keys.length === 0)
    throw new Error(`${path}.keys: Required value: provide at least one key`);
  const all = keys.map((each, i): NamedCipher => {
    const { name, secret } = objectOf(each, `${path}.keys[${i}]`);
    if (typeof name !== "string" || name === "")
      throw new Error(`${path}.keys[${i}].name: Required value: provide a name for the key`);
    if (name.includes(":"))
      throw new Error(
        `${path}.keys[${i}].name: Invalid value: ${JSON.stringify(name)}: the key name must not contain a colon`,
      );
    if (typeof secret !== "string" || !/^[A-Za-z\d+/]+={0,2}$/.test(secret))
      throw new Error(`${path}.keys[${i}].secret: Invalid value: "REDACTED": secrets must be base64 encoded`);
    const bytes = new Uint8Array(Buffer.from(secret, "base64"));
    if (!keySizes.has(bytes.length))
      throw new Error(
        `${path}.keys[${i}].secret: Invalid value: "REDACTED": secret is not of the expected length, got ${bytes.length}, expected one of [16 24 32]`,
      );
    return { name, cipher: cipherOf(bytes) };
  });
  return all as [NamedCipher, ...NamedCipher[]];
}

function objectOf(value: Json | undefined, path: string): JsonObject {
  if (!isJsonObject(value)) throw new Error(`${path}: an object was expected`);
  return value;
}

/** `secrets`, `deployments.apps`, `*.apps`, `*.`, `*.*` */
function isMeant(name: string, group: string, resource: string): boolean {
  if (name === "*.*") return true;
  const dot = name.indexOf(".");
  const [wanted, of] = dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
  return of === group && (wanted === "*" || wanted === resource);
}
