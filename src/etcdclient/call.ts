import { type AnswerReceiver, type HeaderFields, type HttpClient, resetCode } from "../h2/index.ts";
import {
  type Draft,
  decode,
  encodeGrpc,
  GrpcBodyError,
  GrpcMessageTooLarge,
  GrpcReader,
  type MethodInfo,
  ProtobufError,
} from "../wire/index.ts";
import { messageBytesMax } from "./limits.ts";
import { type RpcStatus, statusCode, statusMessage, statusOfHttp } from "./status.ts";

/** Gets what the server says in one call. */
export interface CallObserver<Response> {
  message(response: Response): void;
  /** The last call, always, except after `cancel`. */
  ended(status: RpcStatus): void;
}

/** One gRPC call. Methods called after its end do nothing. */
export interface Call<Request> {
  send(message: Draft<Request>): void;
  /** Sends the only, or last, message. */
  sendLast(message: Draft<Request>): void;
  /** Stops delivery; what has come already is still delivered. */
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** Begins a call on a connection that has room. `fields`: of its header. */
export function openCall<Request, Response>(
  client: HttpClient,
  method: MethodInfo<Request, Response>,
  fields: Readonly<Record<string, string>>,
  observer: CallObserver<Response>,
): Call<Request> {
  let over = false;
  let headers: HeaderFields = Object.create(null);
  const end = (status: RpcStatus): void => {
    if (over) return;
    over = true;
    observer.ended(status);
  };
  const refuse = (status: RpcStatus): void => {
    stream.reset(resetCode.cancel);
    end(status);
  };
  const messages = new GrpcReader(
    {
      message(bytes, start, end) {
        if (!over) observer.message(decode(method.response, bytes, start, end));
      },
    },
    { bytesMax: messageBytesMax },
  );
  const receiver: AnswerReceiver = {
    headers(status, answered) {
      headers = answered;
      if (status !== 200 && answered["grpc-status"] === undefined) {
        refuse({ code: statusOfHttp(status), message: `HTTP status ${status} instead of an answer` });
      }
    },
    data(chunk) {
      if (over) return;
      try {
        messages.push(chunk);
      } catch (thrown) {
        const { message } = thrown as Error;
        if (thrown instanceof GrpcMessageTooLarge)
          refuse({ code: statusCode.resourceExhausted, message, tooLarge: true });
        else if (thrown instanceof ProtobufError || thrown instanceof GrpcBodyError)
          refuse({ code: statusCode.internal, message });
        else throw thrown;
      }
    },
    ended() {
      const { "grpc-status": status, "grpc-message": text = "" } = stream.trailers ?? headers;
      if (status === undefined || !/^\d{1,3}$/.test(status) || (status === "0" && messages.heldBytes > 0)) {
        end({ code: statusCode.internal, message: "the answer ended without a status", broken: true });
      } else {
        end({ code: Number(status), message: statusMessage(text) });
      }
    },
    closed(code) {
      end({
        code: statusCode.unavailable,
        message: `the call was broken off (HTTP/2 code ${code})`,
        unsent: stream.unprocessed,
        broken: true,
      });
    },
  };
  const stream = client.open(fields, receiver);
  return {
    send: (message) => void stream.write(encodeGrpc(method.request, message)),
    sendLast: (message) => stream.endWith(encodeGrpc(method.request, message)),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    cancel() {
      over = true;
      stream.reset(resetCode.cancel);
    },
  };
}
