import { fromUtf8 } from "../../base/index.ts";
import type { Kv } from "../../kv/index.ts";
import type { Platform } from "../../platform/index.ts";

/** The store as the objects of a resource see it. */
export type StoreOfResource = (of: { readonly group: string; readonly resource: string }) => Kv;

/** @throws Error that names the flag and the file */
export async function openEncryption(
  { disk, random }: Platform,
  { encryptionProviderConfigFile: path }: { readonly encryptionProviderConfigFile?: string },
  kv: Kv,
): Promise<StoreOfResource> {
  if (path === undefined) return () => kv;
  const { EncryptedKv, parseEncryption } = await import("../../encryption/index.ts");
  try {
    const encryption = parseEncryption(fromUtf8(await disk.readFile(path)), (length) => random.bytes(length));
    return (of) => {
      const transformers = encryption(of);
      return transformers === undefined ? kv : new EncryptedKv(kv, transformers);
    };
  } catch (error) {
    throw new Error(`--encryption-provider-config: ${path}: ${(error as Error).message}`, { cause: error });
  }
}
