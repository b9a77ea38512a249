import { emptyBytes } from "../../base/index.ts";
import { ProtobufReader } from "./reader.ts";
import { ProtobufWriter } from "./writer.ts";

/** What a message may be written from: any fields may be missing, in nested messages too. */
export type Draft<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer E)[]
    ? readonly Draft<E>[]
    : T extends object
      ? { readonly [K in keyof T]?: Draft<T[K]> | undefined }
      : T;

export interface EnumType {
  readonly name: string;
  readonly values: Readonly<Record<string, number>>;
}

/** What the JSON form of a message needs to know of a field. */
export interface FieldInfo {
  readonly id: number;
  /** The property, which is also protobuf's JSON name. */
  readonly name: string;
  /** The name in the .proto file, which etcd's gateway writes. */
  readonly protoName: string;
  readonly kind: "bytes" | "string" | "bool" | "int32" | "uint32" | "int64" | "uint64" | "enum" | "message";
  readonly repeated?: boolean;
  /** A member of the oneof of this full name: present or not, whatever its value. */
  readonly oneof?: string;
  /** 64 bits kept as a bigint. */
  readonly bigint?: boolean;
  readonly enum?: EnumType;
  readonly message?: MessageCodec<unknown>;
}

/** One message type. Generated; use `encode` and `decode`. */
export interface MessageCodec<T> {
  /** With its package. */
  readonly name: string;
  /** In ascending order of id. A function, for messages that contain each other. */
  fields(): readonly FieldInfo[];
  /** Appends in front of what the writer holds, last field first. */
  write(writer: ProtobufWriter, message: Draft<T>): void;
  /** Reads up to the end of the reader's current message. */
  read(reader: ProtobufReader): T;
}

/** One method of a service, as its descriptor has it. */
export interface MethodInfo<Request, Response> {
  /** As in HTTP/2's :path. */
  readonly path: string;
  readonly request: MessageCodec<Request>;
  readonly response: MessageCodec<Response>;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** Where the JSON gateway takes it by POST. */
  readonly gatewayPaths: readonly string[];
}

// Memory to write into, no state: a result is never touched again.
const sharedWriter = new ProtobufWriter();
// Begins anew with every message; no message is read while another one is.
const sharedReader = new ProtobufReader(emptyBytes);

/** The message's bytes, a view that nothing writes to again. */
export function encode<T>(codec: MessageCodec<T>, message: Draft<T>): Uint8Array {
  sharedWriter.begin();
  codec.write(sharedWriter, message);
  return sharedWriter.finish();
}

/**
 * The message that lies in `bytes` from `start` to `end`, with all fields, absent ones at their default. Its bytes are views of the input.
 * @throws ProtobufError
 */
export function decode<T>(codec: MessageCodec<T>, bytes: Uint8Array, start = 0, end = bytes.length): T {
  sharedReader.begin(bytes, start, end);
  return codec.read(sharedReader);
}
