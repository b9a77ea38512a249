/** One call over HTTP/2 as it is, without a gRPC library, and all that comes back. */
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import type { OddCall } from "./odd-calls.ts";

export interface RawAnswer {
  /** Undefined: the stream ended without headers. */
  readonly http: number | undefined;
  readonly contentType: string | undefined;
  readonly status: string | undefined;
  readonly message: string | undefined;
  readonly body: Uint8Array;
  /** HTTP/2's code that the stream was reset with; 0: it ended well. */
  readonly reset: number;
}

/** A call that has not ended by then hangs: all have a deadline of their own, or break. */
const hangsMs = 20_000;

export function rawCall(session: ClientHttp2Session, { path, headers, body }: OddCall): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    let answered: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => {
      stream.destroy();
      reject(new Error(`${path} hangs: ${JSON.stringify(headers)} ${Buffer.from(body).toString("hex")}`));
    }, hangsMs);
    stream.on("response", (given) => {
      answered = given;
    });
    stream.on("trailers", (given) => {
      trailers = given;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    // What went wrong shows in what came.
    stream.on("error", () => {});
    stream.on("close", () => {
      clearTimeout(timer);
      const said = { ...answered, ...trailers };
      resolve({
        http: Number(answered[":status"]) || undefined,
        contentType: answered["content-type"],
        status: said["grpc-status"] as string | undefined,
        message: said["grpc-message"] as string | undefined,
        body: Buffer.concat(chunks),
        reset: stream.rstCode ?? 0,
      });
    });
    stream.end(body);
  });
}
