/** Bytes that are no message of the expected type: truncated, nested too deep, not UTF-8, out of range. */
export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}
