import { randomBytes, randomUUID } from "node:crypto";
import type { Random } from "./ports.ts";

/** Chance from the operating system; `number` from the engine's generator, which is not for secrets. */
export function nodeRandom(): Random {
  return {
    number: () => Math.random(),
    bytes: (length) => new Uint8Array(randomBytes(length)),
    uuid: () => randomUUID(),
  };
}
