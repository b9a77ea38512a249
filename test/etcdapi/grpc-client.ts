import type { TestContext } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { type Draft, decode, encode, type MethodInfo } from "../../src/wire/index.ts";

/** A real gRPC client (grpc-js) that speaks any method of the descriptors. */
export interface GrpcClient {
  call<Q, R>(method: MethodInfo<Q, R>, request: Draft<Q>, options?: CallOptions): Promise<R>;
  open<Q, R>(method: MethodInfo<Q, R>, options?: CallOptions): GrpcStream<Q, R>;
}

interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Milliseconds from now. */
  readonly deadlineMs?: number;
}

export interface GrpcStream<Q, R> {
  send(message: Draft<Q>): void;
  /** The next message; rejects with the status when the stream ends instead. */
  next(): Promise<R>;
  halfClose(): void;
  cancel(): void;
  /** Stops and goes on taking messages off the wire. */
  pause(): void;
  resume(): void;
}

export function grpcClient(t: TestContext, port: number): GrpcClient {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  t.after(() => client.close());

  function settings(options: CallOptions): [grpc.Metadata, grpc.CallOptions] {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
    const deadline = options.deadlineMs;
    return [metadata, deadline === undefined ? {} : { deadline: new Date(Date.now() + deadline) }];
  }

  return {
    call: (method, request, options = {}) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          method.path,
          (message: Draft<unknown>) => Buffer.from(encode(method.request, message as never)),
          (bytes: Buffer) => decode(method.response, bytes),
          request as Draft<unknown>,
          ...settings(options),
          (error, response) => (error ? reject(error) : resolve(response as never)),
        );
      }),
    open(method, options = {}) {
      const stream = client.makeBidiStreamRequest(
        method.path,
        (message: Draft<unknown>) => Buffer.from(encode(method.request, message as never)),
        (bytes: Buffer) => decode(method.response, bytes),
        ...settings(options),
      );
      const messages: unknown[] = [];
      const waiting: { resolve: (value: never) => void; reject: (error: unknown) => void }[] = [];
      let ended: unknown;
      const finish = (error: unknown): void => {
        ended ??= error;
        for (const one of waiting.splice(0)) one.reject(ended);
      };
      stream.on("data", (message) => {
        const first = waiting.shift();
        if (first) first.resolve(message as never);
        else messages.push(message);
      });
      stream.on("error", finish);
      stream.on("end", () => finish(new Error("the stream ended")));
      return {
        send: (message) => void stream.write(message),
        next: () =>
          new Promise((resolve, reject) => {
            if (messages.length > 0) resolve(messages.shift() as never);
            else if (ended !== undefined) reject(ended);
            else waiting.push({ resolve: resolve as (value: never) => void, reject });
          }),
        halfClose: () => stream.end(),
        cancel: () => stream.cancel(),
        pause: () => void stream.pause(),
        resume: () => void stream.resume(),
      };
    },
  };
}
