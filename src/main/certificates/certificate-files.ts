import { join } from "node:path";
import type { CertificatePair } from "../../auth/index.ts";
import { fromUtf8, utf8 } from "../../base/index.ts";
import type { Disk } from "../../platform/index.ts";

interface NewFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Who stands on whom: what signs comes before what it signs. */
export type CertificateRank = "authority" | "leaf";

/**
 * Pairs of a certificate and its key in one directory: those that are there are read, those that are missing made, and all that was made is
 * written together by `keep`, which nobody has to wait for before using them. Whether a pair is there its certificate says, so a crash leaves
 * nothing that the next start would not make again: keys are durable before any certificate is, authorities before what they signed.
 */
export class CertificateFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #keys: NewFile[] = [];
  readonly #certificates: Record<CertificateRank, NewFile[]> = { authority: [], leaf: [] };

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /** NAME.crt and NAME.key. */
  async pair(name: string, rank: CertificateRank, make: () => CertificatePair): Promise<CertificatePair> {
    const cert = await this.#read(`${name}.crt`);
    if (cert !== undefined)
      return { cert, key: fromUtf8(await this.#disk.readFile(this.#path(`${name}.key`))) };
    const pair = make();
    this.#keys.push({ path: this.#path(`${name}.key`), text: pair.key, mode: 0o600 });
    this.#certificates[rank].push({ path: this.#path(`${name}.crt`), text: pair.cert, mode: 0o644 });
    return pair;
  }

  /** NAME.key, by which a key that signs is there or not, and NAME.pub for those who check what it signed. */
  async signingKey(name: string, make: () => { privateKey: string; publicKey: string }): Promise<string> {
    const key = await this.#read(`${name}.key`);
    if (key !== undefined) return key;
    const { privateKey, publicKey } = make();
    this.#keys.push({ path: this.#path(`${name}.pub`), text: publicKey, mode: 0o644 });
    this.#certificates.leaf.push({ path: this.#path(`${name}.key`), text: privateKey, mode: 0o600 });
    return privateKey;
  }

  /** Resolves when all that was made is durable. */
  async keep(): Promise<void> {
    for (const files of [this.#keys, this.#certificates.authority, this.#certificates.leaf]) {
      await Promise.all(
        files.splice(0).map(({ path, text, mode }) => this.#disk.replaceFile(path, utf8(text), { mode })),
      );
    }
  }

  #path(file: string): string {
    return join(this.#directory, file);
  }

  async #read(file: string): Promise<string | undefined> {
    const path = this.#path(file);
    return (await this.#disk.exists(path)) ? fromUtf8(await this.#disk.readFile(path)) : undefined;
  }
}
