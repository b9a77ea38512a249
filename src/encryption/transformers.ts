import { field } from "../apimachinery/index.ts";
import { concatBytes, fromUtf8, utf8 } from "../base/index.ts";
import type { Cipher } from "./ciphers.ts";

/** What is read of a value in the store. */
interface Read {
  readonly value: Uint8Array;
  /** It is not how it would be written now: the next write of the same content is worth doing. */
  readonly isStale: boolean;
}

/** What a value looks like in the store, and back: k8s.io/apiserver/pkg/storage/value. */
export interface Transformer {
  /** Begins every value that this one has written; empty for what is written as it is. */
  readonly prefix: string;
  /** `key`: of the value in the store, which an encryption may bind it to. Without the prefix. */
  encrypt(value: Uint8Array, key: Uint8Array): Uint8Array;
  /** `stored`: without the prefix. @throws Error that says why it cannot be read */
  decrypt(stored: Uint8Array, key: Uint8Array): Read;
}

/** Begins whatever any of the encryptions wrote. */
const encrypted = "k8s:enc:";

/** Values as they are, where nothing says that they are encrypted. */
export const identity: Transformer = {
  prefix: "",
  encrypt: (value) => value,
  decrypt(stored) {
    if (fromUtf8(stored.subarray(0, encrypted.length)) === encrypted)
      throw new Error("identity transformer tried to read encrypted data");
    return { value: stored, isStale: false };
  },
};

/** One algorithm with its keys: writes with the first, reads with the one that a value names. */
export function keyed(
  algorithm: string,
  ciphers: readonly [
    { readonly name: string; readonly cipher: Cipher },
    ...{ name: string; cipher: Cipher }[],
  ],
): Transformer {
  const all = ciphers.map(({ name, cipher }) => ({ head: utf8(`${name}:`), cipher }));
  const [first] = all as [(typeof all)[number]];
  return {
    prefix: `${encrypted}${algorithm}:v1:`,
    encrypt: (value, key) => concatBytes([first.head, first.cipher.encrypt(value, key)]),
    decrypt(stored, key) {
      const problems: string[] = [];
      for (const [index, { head, cipher }] of all.entries()) {
        if (!startsWith(stored, head)) continue;
        try {
          return { value: cipher.decrypt(stored.subarray(head.length), key), isStale: index > 0 };
        } catch (error) {
          // Another key of the same name may be the right one.
          problems.push((error as Error).message);
        }
      }
      throw unreadable(problems, "no matching key was found for the provided AES transformer");
    },
  };
}

/** Writes as the first does, reads whatever any of them wrote. */
export class TransformerList {
  readonly #first: Transformer;
  readonly #all: readonly { readonly head: Uint8Array; readonly transformer: Transformer }[];

  constructor(all: readonly [Transformer, ...Transformer[]]) {
    this.#first = all[0];
    this.#all = all.map((transformer) => ({ head: utf8(transformer.prefix), transformer }));
  }

  encrypt(value: Uint8Array, key: Uint8Array): Uint8Array {
    const content = this.#first.encrypt(value, key);
    return this.#first.prefix === "" ? content : concatBytes([utf8(this.#first.prefix), content]);
  }

  /** @throws Error that says why it cannot be read */
  decrypt(stored: Uint8Array, key: Uint8Array): Read {
    const problems: string[] = [];
    for (const [index, { head, transformer }] of this.#all.entries()) {
      if (!startsWith(stored, head)) continue;
      try {
        const read = transformer.decrypt(stored.subarray(head.length), key);
        return index > 0 ? { ...read, isStale: true } : read;
      } catch (error) {
        // What is encrypted after all is for the others.
        if (head.length > 0) problems.push((error as Error).message);
      }
    }
    throw unreadable(problems, "no matching prefix found");
  }
}

function unreadable(problems: readonly string[], none: string): Error {
  return new Error(problems.length === 0 ? none : field.aggregateMessages([...problems]));
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  if (bytes.length < head.length) return false;
  for (let i = 0; i < head.length; i++) if (bytes[i] !== head[i]) return false;
  return true;
}
