import * as packet from "dns-packet";

/** Parts of dns-packet that its types do not tell of. */
const parts = packet as unknown as {
  record(type: string): { encode(data: unknown): Buffer };
  name: { encode(name: string): Buffer };
};

/** Writes the data of a record, its length of two bytes before it. */
export const recordCodec = (type: string): { encode(data: unknown): Buffer } => parts.record(type);

/** A name as labels, without compression. */
export const encodeName = (name: string): Buffer => parts.name.encode(name);
