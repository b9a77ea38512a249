/**
 * Protobuf: the codecs of etcd's messages (generated, `etcd/*.gen.ts`) and of Kubernetes' (compiled from their descriptor
 * when first used). And gRPC's messages in the body of a stream.
 */
export * as authpb from "./etcd/authpb.gen.ts";
export * as etcdserverpb from "./etcd/etcdserverpb.gen.ts";
export * as mvccpb from "./etcd/mvccpb.gen.ts";
export * as v3electionpb from "./etcd/v3electionpb.gen.ts";
export * as v3lockpb from "./etcd/v3lockpb.gen.ts";
export * as grpcHealth from "./grpc/health.ts";
export {
  encodeGrpc,
  GrpcBodyError,
  type GrpcMessageSink,
  GrpcMessageTooLarge,
  GrpcReader,
  type GrpcReaderOptions,
  grpcPrefixBytes,
} from "./grpc/messages.ts";
export { statusCode } from "./grpc/status-code.ts";
export { createKubernetesCodec, type KubernetesCodec, type KubernetesObject } from "./kubernetes/codec.ts";
export type { KubernetesTable } from "./kubernetes/plan.ts";
export {
  type Draft,
  decode,
  type EnumType,
  encode,
  type FieldInfo,
  type MessageCodec,
  type MethodInfo,
} from "./protobuf/codec.ts";
export { ProtobufError } from "./protobuf/error.ts";
export { ProtobufWriter } from "./protobuf/writer.ts";
