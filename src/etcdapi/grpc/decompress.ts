import { gunzipSync } from "node:zlib";
import { GrpcMessageTooLarge, type GrpcReaderOptions } from "../../wire/index.ts";
import { code, RpcError } from "../errors.ts";

/** How messages are read of whom the header `grpc-encoding` says how it compresses them, where it does. @throws RpcError */
export function messagesIn(encoding: string, bytesMax: number): GrpcReaderOptions {
  if (encoding !== "gzip" && encoding !== "identity")
    throw new RpcError(
      code.unimplemented,
      `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(encoding)}`,
    );
  return { bytesMax, decompress: decompressor(encoding, bytesMax) };
}

function decompressor(encoding: string, bytesMax: number): (message: Uint8Array) => Uint8Array {
  return (message) => {
    if (encoding !== "gzip")
      throw new RpcError(code.internal, "grpc: compressed flag set with identity or empty encoding");
    try {
      return gunzipSync(message, { maxOutputLength: bytesMax });
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE")
        throw new GrpcMessageTooLarge(bytesMax + 1, bytesMax);
      throw new RpcError(code.internal, "grpc: failed to decompress the received message");
    }
  };
}
