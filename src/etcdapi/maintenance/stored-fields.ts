/** Messages that etcd keeps to itself, read: of each only a few fields count, and nobody writes them here. */
import { decode, type MessageCodec } from "../../wire/index.ts";

/** What stands in a message, by the numbers of its fields; of a field that comes again, the last. */
export interface StoredFields {
  readonly varints: ReadonlyMap<number, bigint>;
  readonly bytes: ReadonlyMap<number, Uint8Array>;
}

/** @param name of the message, for the error. @throws ProtobufError */
export function storedFields(name: string, data: Uint8Array): StoredFields {
  return decode(codecOf(name), data);
}

const varint = 0;
const lengthDelimited = 2;

function codecOf(name: string): MessageCodec<StoredFields> {
  const codec: MessageCodec<StoredFields> = {
    name,
    fields: () => [],
    write() {
      throw new Error(`nobody writes ${name} here`);
    },
    read(r) {
      const varints = new Map<number, bigint>();
      const bytes = new Map<number, Uint8Array>();
      while (r.more) {
        const tag = r.tag();
        const wireType = tag & 7;
        if (wireType === varint) varints.set(tag >>> 3, r.biguint64());
        else if (wireType === lengthDelimited) bytes.set(tag >>> 3, r.bytes());
        else r.skip(tag, codec);
      }
      return { varints, bytes };
    },
  };
  return codec;
}

/** Zero where the field is left out. @throws Error beyond 2^53 - 1 */
export function numberIn({ varints }: StoredFields, field: number): number {
  const value = varints.get(field) ?? 0n;
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`field ${field} is too large: ${value}`);
  return Number(value);
}
