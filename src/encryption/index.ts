/** Encryption at rest: which resources are encrypted in the store, with which keys. Loaded only where somebody asks for it. */
export { type Encryption, parseEncryption } from "./configuration.ts";
export { EncryptedKv } from "./encrypted-kv.ts";
