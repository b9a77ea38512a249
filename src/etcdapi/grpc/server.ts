import { NumberMap } from "../../base/index.ts";
import type { IncomingStream } from "../../h2/index.ts";
import type { CallMetrics, MethodCounts } from "../call-metrics.ts";
import { type Endpoint, tokenOf, withCaller } from "../callers.ts";
import { code, RpcError, rpcErrorOf } from "../errors.ts";
import type { Credentials, StoreAccess } from "../ports.ts";
import { type CallContext, GrpcCall, refuse } from "./call.ts";
import { isGrpc, plainContentType } from "./content-type.ts";
import { messagesIn } from "./decompress.ts";
import type { LeaderWatch } from "./require-leader.ts";
import { timeoutMs } from "./timeout.ts";

export interface GrpcServer {
  /** False: the stream is no gRPC. */
  onStream(stream: IncomingStream): boolean;
  /** Ends every call with this error. */
  close(error: RpcError): void;
}

/** What the server needs of the rest. */
export interface GrpcContext extends CallContext {
  readonly access: StoreAccess | undefined;
  readonly trustCommonNames: boolean;
  readonly calls: CallMetrics;
}

/** Takes streams, finds their method by path, and keeps track of the calls. */
export function createGrpcServer(
  endpoints: readonly Endpoint[],
  context: GrpcContext,
  leader: LeaderWatch,
): GrpcServer {
  const byPath = new Map<string, { endpoint: Endpoint; counts: MethodCounts }>();
  for (const endpoint of endpoints) {
    const { info } = endpoint.method;
    byPath.set(info.path, { endpoint, counts: context.calls.of(info) });
  }
  const services = new Set(endpoints.map(({ method }) => method.info.path.split("/")[1]));
  const open = new NumberMap<GrpcCall>();
  let calls = 0;
  let closed: RpcError | undefined;

  function unknown(path: string): RpcError {
    const cut = path.lastIndexOf("/");
    if (cut <= 0) return new RpcError(code.unimplemented, `malformed method name: ${JSON.stringify(path)}`);
    const [service, name] = [path.slice(1, cut), path.slice(cut + 1)];
    return new RpcError(
      code.unimplemented,
      services.has(service) ? `unknown method ${name} for service ${service}` : `unknown service ${service}`,
    );
  }

  function credentialsOf({ headers, connection }: IncomingStream): Credentials {
    return {
      token: tokenOf(headers),
      commonName: context.trustCommonNames ? connection.peerCertificate?.commonName : undefined,
    };
  }

  function forget(call: GrpcCall): void {
    open.delete(call.number);
    leader.remove(call);
  }

  return {
    onStream(stream) {
      const contentType = stream.headers["content-type"] ?? "";
      if (!contentType.startsWith(plainContentType)) return false;
      if (stream.method !== "POST") {
        stream.respond({ ":status": "405", allow: "POST" }, { end: true });
        return true;
      }
      if (!isGrpc(contentType)) {
        const text = `invalid gRPC request content-type ${JSON.stringify(contentType)}`;
        refuse(stream, new RpcError(code.invalidArgument, text), 415);
        return true;
      }
      const timeout = stream.headers["grpc-timeout"];
      let milliseconds: number | undefined;
      try {
        if (timeout !== undefined) milliseconds = timeoutMs(timeout);
      } catch (error) {
        refuse(stream, error as RpcError, 400);
        return true;
      }
      const found = byPath.get(stream.path);
      if (closed !== undefined || found === undefined) {
        refuse(stream, closed ?? unknown(stream.path));
        return true;
      }
      const { endpoint, counts } = found;
      context.calls.called(endpoint.method.kind, stream.headers["client-api-version"]);
      const wantsLeader = stream.headers["hasleader"] === "true";
      if (wantsLeader && !leader.hasLeader) {
        refuse(stream, rpcErrorOf("NO_LEADER"));
        return true;
      }
      const encoding = stream.headers["grpc-encoding"];
      let messages = context.plainMessages;
      try {
        if (encoding !== undefined) messages = messagesIn(encoding, context.messageBytesMax);
      } catch (error) {
        refuse(stream, error as RpcError);
        return true;
      }
      withCaller(
        endpoint,
        context.access,
        () => credentialsOf(stream),
        (method) => {
          const call = new GrpcCall(
            { number: ++calls, timeoutMs: milliseconds, messages },
            stream,
            method,
            context,
            counts,
            forget,
          );
          open.set(call.number, call);
          if (wantsLeader && method.kind === "stream") leader.add(call);
          call.start();
        },
      );
      return true;
    },

    close(error) {
      closed = error;
      for (const call of open.values()) call.end(error);
    },
  };
}
