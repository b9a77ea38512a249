import { createCipheriv, createDecipheriv } from "node:crypto";
import { concatBytes } from "../base/index.ts";

/** Unpredictable bytes. */
export type RandomBytes = (length: number) => Uint8Array;

/** An algorithm with one key. */
export interface Cipher {
  /** `key`: of the value in the store, which a value may be bound to. */
  encrypt(value: Uint8Array, key: Uint8Array): Uint8Array;
  /** @throws Error that says why it cannot be read */
  decrypt(stored: Uint8Array, key: Uint8Array): Uint8Array;
}

const blockBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
const tooShort = "the stored data was shorter than the required size";

/** AES in CBC, padded as of PKCS #7. Nothing binds a value to its key, and nobody notices a change: upstream's, for who has it. */
export function aesCbc(secret: Uint8Array, random: RandomBytes): Cipher {
  const algorithm = `aes-${secret.length * 8}-cbc`;
  return {
    encrypt(value) {
      const iv = random(blockBytes);
      const cipher = createCipheriv(algorithm, secret, iv);
      return concatBytes([iv, cipher.update(value), cipher.final()]);
    },
    decrypt(stored) {
      if (stored.length < 2 * blockBytes || stored.length % blockBytes !== 0) throw new Error(tooShort);
      const decipher = createDecipheriv(algorithm, secret, stored.subarray(0, blockBytes));
      try {
        return concatBytes([decipher.update(stored.subarray(blockBytes)), decipher.final()]);
      } catch {
        throw new Error("invalid padding on input");
      }
    },
  };
}

/** AES in GCM: a value is good under its own key of the store only. */
export function aesGcm(secret: Uint8Array, random: RandomBytes): Cipher {
  const algorithm = `aes-${secret.length * 8}-gcm` as "aes-256-gcm";
  return {
    encrypt(value, key) {
      const nonce = random(nonceBytes);
      const cipher = createCipheriv(algorithm, secret, nonce);
      cipher.setAAD(key);
      return concatBytes([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
    },
    decrypt(stored, key) {
      if (stored.length < nonceBytes + tagBytes) throw new Error(tooShort);
      const end = stored.length - tagBytes;
      const decipher = createDecipheriv(algorithm, secret, stored.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(key);
      decipher.setAuthTag(stored.subarray(end));
      try {
        return concatBytes([decipher.update(stored.subarray(nonceBytes, end)), decipher.final()]);
      } catch {
        throw new Error("cipher: message authentication failed");
      }
    },
  };
}
