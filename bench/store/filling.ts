/** Sends calls one after the other, a few under way at a time: how the stores get what they hold. */
import { connect } from "node:http2";
import type { MeasuredServer } from "../servers.ts";
import type { Call } from "./requests.ts";

const callsAtOnce = 8;

/** @throws Error where a call did not succeed */
export async function send(server: MeasuredServer, calls: Iterator<Call> & Iterable<Call>): Promise<void> {
  const session = connect(server.clientUrl);
  const one = (call: Call) =>
    new Promise<void>((resolve, reject) => {
      const stream = session.request({
        ":method": "POST",
        ":path": `/etcdserverpb.KV/${call.method}`,
        "content-type": "application/grpc",
        te: "trailers",
      });
      let status: unknown = "none";
      const seen = (headers: Record<string, unknown>) => {
        status = headers["grpc-status"] ?? status;
      };
      stream.on("response", seen).on("trailers", seen).on("error", reject);
      stream.on("close", () =>
        status === "0" ? resolve() : reject(new Error(`${server.name}: gRPC status ${status}`)),
      );
      stream.resume();
      stream.end(call.body);
    });
  // They share the iterator: whoever is done takes the next.
  const worker = async () => {
    for (let next = calls.next(); !next.done; next = calls.next()) await one(next.value);
  };
  try {
    await Promise.all(Array.from({ length: callsAtOnce }, worker));
  } finally {
    session.destroy();
  }
}
