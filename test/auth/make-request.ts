import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  bitString,
  context,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  utf8String,
} from "../../src/auth/der.ts";

/** With RSA and on a curve. */
const algorithms = {
  sha1: ["1.2.840.113549.1.1.5", "1.2.840.10045.4.1"],
  sha256: ["1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2"],
} as const;

/** A PKCS #10 request as `openssl req` would make it, and the key that it is for. */
export function makeRequest(options: {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  /** Signs with another key than the one that it holds. */
  readonly signer?: KeyObject;
  /** "sha256" by default. */
  readonly digest?: "sha1" | "sha256";
}): { readonly pem: string; readonly base64: string; readonly key: string } {
  const {
    organizations = [],
    dnsNames = [],
    keys = generateKeyPairSync("ec", { namedCurve: "P-256" }),
  } = options;
  const attribute = (id: string, value: string) => set(sequence(objectIdentifier(id), utf8String(value)));
  const names = dnsNames.map((name) => context(2, Buffer.from(name), "primitive"));
  const extensions = sequence(sequence(objectIdentifier("2.5.29.17"), octetString(sequence(...names))));
  const info = sequence(
    integer(Buffer.of(0)),
    sequence(
      ...organizations.map((name) => attribute("2.5.4.10", name)),
      attribute("2.5.4.3", options.commonName),
    ),
    keys.publicKey.export({ type: "spki", format: "der" }),
    context(
      0,
      names.length === 0
        ? Buffer.alloc(0)
        : sequence(objectIdentifier("1.2.840.113549.1.9.14"), set(extensions)),
      "constructed",
    ),
  );
  const isRsa = keys.publicKey.asymmetricKeyType === "rsa";
  const { digest = "sha256" } = options;
  const [rsa, ecdsa] = algorithms[digest];
  const signature = sign(digest, info, options.signer ?? keys.privateKey);
  const der = sequence(info, sequence(objectIdentifier(isRsa ? rsa : ecdsa)), bitString(signature));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
  const key = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { pem, base64: Buffer.from(pem).toString("base64"), key };
}
