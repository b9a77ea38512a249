/** grpc.health.v1.Health/Check by Node's HTTP/2 client: one request a connection, as the kubelet's probe does. */
import { connect } from "node:http2";
import type { Duplex } from "node:stream";
import { concatBytes, utf8 } from "../../../base/index.ts";

const servingStatuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/** Bytes of an answer that are read: the message has two. */
const answerBytesMax = 1_024;

/** Resolves with the status' name. @throws Error with what went wrong */
export function checkGrpcHealth(stream: Duplex, authority: string, service: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://${authority}`, { createConnection: () => stream });
    session.once("error", reject);
    stream.once("close", () => reject(new Error("the connection was closed")));
    const request = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    let answer: Uint8Array = new Uint8Array();
    let grpcStatus: string | undefined;
    const seeStatus = (headers: { readonly "grpc-status"?: unknown }): void => {
      if (headers["grpc-status"] !== undefined) grpcStatus = String(headers["grpc-status"]);
    };
    request.on("response", seeStatus);
    request.on("trailers", seeStatus);
    request.on("data", (chunk: Uint8Array) => {
      if (answer.length < answerBytesMax) answer = concatBytes([answer, chunk]);
    });
    request.once("error", reject);
    request.once("end", () => {
      session.close();
      if (grpcStatus === "12")
        reject(
          new Error("error: this server does not implement the grpc health protocol (grpc.health.v1.Health)"),
        );
      else if (grpcStatus !== undefined && grpcStatus !== "0")
        reject(new Error(`error: health rpc failed: code = ${grpcStatus}`));
      else resolve(servingStatuses[statusIn(answer)] ?? "UNKNOWN");
    });
    request.end(frame(utf8(service)));
  });
}

/** A gRPC message: not compressed, its length, then HealthCheckRequest with `service` as field 1. */
function frame(service: Uint8Array): Buffer {
  const message =
    service.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a, service.length), service]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** HealthCheckResponse's field 1, an enum below 128. */
const statusIn = (answer: Uint8Array): number => (answer[5] === 0x08 ? (answer[6] ?? 0) : 0);
