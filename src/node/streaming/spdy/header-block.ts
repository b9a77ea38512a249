import { constants, createDeflate, createInflate, type Deflate, type Inflate } from "node:zlib";
import { headerBytesMax, headersMax } from "../limits.ts";
import { spdyDictionary } from "./dictionary.ts";

/** zlib is loaded with the first block. */
const options = () => ({
  dictionary: spdyDictionary,
  flush: constants.Z_SYNC_FLUSH,
  finishFlush: constants.Z_SYNC_FLUSH,
});

/** Header blocks of one direction: one zlib stream, so that blocks must be turned one after the other. */
class BlockStream {
  readonly #zlib: Deflate | Inflate;
  #out: Buffer[] = [];
  #bytes = 0;
  #failed: Error | undefined;

  constructor(zlib: Deflate | Inflate) {
    this.#zlib = zlib;
    zlib.on("data", (chunk: Buffer) => {
      this.#bytes += chunk.length;
      // A bomb is not kept while it goes off.
      if (this.#bytes <= headerBytesMax) this.#out.push(chunk);
    });
    zlib.on("error", (error) => {
      this.#failed = error;
    });
  }

  turn(block: Uint8Array): Promise<Buffer> {
    this.#out = [];
    this.#bytes = 0;
    return new Promise((resolve, reject) => {
      this.#zlib.write(block, (error) => {
        const failed = error ?? this.#failed;
        if (failed !== undefined && failed !== null) reject(failed);
        else if (this.#bytes > headerBytesMax) reject(new Error("a SPDY header block is too long"));
        else resolve(Buffer.concat(this.#out));
      });
    });
  }

  close(): void {
    this.#zlib.close();
  }
}

export class HeaderReader {
  readonly #blocks = new BlockStream(createInflate(options()));

  /** Names in lower case. @throws Error for what is no header block */
  async read(block: Uint8Array): Promise<Map<string, string>> {
    const bytes = await this.#blocks.turn(block);
    const headers = new Map<string, string>();
    let position = 0;
    const number = (): number => {
      const value = bytes.readUInt32BE(position);
      position += 4;
      return value;
    };
    const text = (): string => {
      const length = number();
      if (position + length > bytes.length) throw new Error("a SPDY header block ends too soon");
      position += length;
      return bytes.toString("utf8", position - length, position);
    };
    const count = number();
    if (count > headersMax) throw new Error(`${count} header fields in a SPDY header block`);
    for (let i = 0; i < count; i++) {
      const name = text();
      headers.set(name.toLowerCase(), text().split("\0")[0] as string);
    }
    return headers;
  }

  close(): void {
    this.#blocks.close();
  }
}

export class HeaderWriter {
  readonly #blocks = new BlockStream(createDeflate(options()));

  write(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const parts: Buffer[] = [];
    const number = (value: number): void => {
      const word = Buffer.alloc(4);
      word.writeUInt32BE(value);
      parts.push(word);
    };
    const entries = Object.entries(headers);
    number(entries.length);
    for (const entry of entries) {
      for (const part of entry) {
        const bytes = Buffer.from(part);
        number(bytes.length);
        parts.push(bytes);
      }
    }
    return this.#blocks.turn(Buffer.concat(parts));
  }

  close(): void {
    this.#blocks.close();
  }
}
