import { KvError, type KvErrorCode } from "../kv/index.ts";
import { statusCode as code, GrpcBodyError, GrpcMessageTooLarge } from "../wire/index.ts";

export { code };

/** What a call ends with instead of an answer. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;

  constructor(status: number, message: string) {
    super(message);
    this.code = status;
  }
}

/** etcd's codes and texts (api/v3rpc/rpctypes/error.go) for every failure of the store. Clients compare the texts. */
const kvErrors: Record<KvErrorCode, { readonly code: number; readonly text: string }> = {
  COMPACTED: { code: code.outOfRange, text: "etcdserver: mvcc: required revision has been compacted" },
  FUTURE_REVISION: {
    code: code.outOfRange,
    text: "etcdserver: mvcc: required revision is a future revision",
  },
  KEY_NOT_FOUND: { code: code.invalidArgument, text: "etcdserver: key not found" },
  DUPLICATE_KEY: { code: code.invalidArgument, text: "etcdserver: duplicate key given in txn request" },
  TOO_MANY_OPS: { code: code.invalidArgument, text: "etcdserver: too many operations in txn request" },
  REQUEST_TOO_LARGE: { code: code.invalidArgument, text: "etcdserver: request is too large" },
  NO_SPACE: { code: code.resourceExhausted, text: "etcdserver: mvcc: database space exceeded" },
  LEASE_NOT_FOUND: { code: code.notFound, text: "etcdserver: requested lease not found" },
  LEASE_EXISTS: { code: code.failedPrecondition, text: "etcdserver: lease already exists" },
  LEASE_TTL_TOO_LARGE: { code: code.outOfRange, text: "etcdserver: too large lease TTL" },
  NO_LEADER: { code: code.unavailable, text: "etcdserver: no leader" },
  NOT_LEADER: { code: code.failedPrecondition, text: "etcdserver: not leader" },
  LEADER_CHANGED: { code: code.unavailable, text: "etcdserver: leader changed" },
  TOO_MANY_REQUESTS: { code: code.resourceExhausted, text: "etcdserver: too many requests" },
  TIMEOUT: { code: code.unavailable, text: "etcdserver: request timed out" },
  CORRUPT: { code: code.dataLoss, text: "etcdserver: corrupt cluster" },
  STOPPED: { code: code.unavailable, text: "etcdserver: server stopped" },
  MEMBER_EXISTS: { code: code.failedPrecondition, text: "etcdserver: member ID already exist" },
  PEER_URLS_EXIST: { code: code.failedPrecondition, text: "etcdserver: Peer URLs already exists" },
  MEMBER_NOT_FOUND: { code: code.notFound, text: "etcdserver: member not found" },
  MEMBER_NOT_LEARNER: {
    code: code.failedPrecondition,
    text: "etcdserver: can only promote a learner member",
  },
  LEARNER_NOT_READY: {
    code: code.failedPrecondition,
    text: "etcdserver: can only promote a learner member which is in sync with leader",
  },
  TOO_MANY_LEARNERS: {
    code: code.failedPrecondition,
    text: "etcdserver: too many learner members in cluster",
  },
  // Not FailedPrecondition: etcd maps this one to its client's error, which has no code.
  NOT_ENOUGH_STARTED: {
    code: code.unknown,
    text: "etcdserver: re-configuration failed due to not enough started members",
  },
  UNHEALTHY: { code: code.unavailable, text: "etcdserver: unhealthy cluster" },
  BAD_TRANSFEREE: { code: code.failedPrecondition, text: "etcdserver: bad leader transferee" },
  USER_EMPTY: { code: code.invalidArgument, text: "etcdserver: user name is empty" },
  USER_EXISTS: { code: code.failedPrecondition, text: "etcdserver: user name already exists" },
  USER_NOT_FOUND: { code: code.failedPrecondition, text: "etcdserver: user name not found" },
  ROLE_EMPTY: { code: code.invalidArgument, text: "etcdserver: role name is empty" },
  ROLE_EXISTS: { code: code.failedPrecondition, text: "etcdserver: role name already exists" },
  ROLE_NOT_FOUND: { code: code.failedPrecondition, text: "etcdserver: role name not found" },
  ROLE_NOT_GRANTED: { code: code.failedPrecondition, text: "etcdserver: role is not granted to the user" },
  PERMISSION_NOT_GRANTED: {
    code: code.failedPrecondition,
    text: "etcdserver: permission is not granted to the role",
  },
  PERMISSION_DENIED: { code: code.permissionDenied, text: "etcdserver: permission denied" },
  ROOT_USER_NOT_FOUND: { code: code.failedPrecondition, text: "etcdserver: root user does not exist" },
  ROOT_ROLE_NOT_GRANTED: {
    code: code.failedPrecondition,
    text: "etcdserver: root user does not have root role",
  },
  INVALID_AUTH_MGMT: { code: code.invalidArgument, text: "etcdserver: invalid auth management" },
  AUTH_NOT_ENABLED: { code: code.failedPrecondition, text: "etcdserver: authentication is not enabled" },
  AUTH_FAILED: {
    code: code.invalidArgument,
    text: "etcdserver: authentication failed, invalid user ID or password",
  },
  AUTH_OLD_REVISION: { code: code.invalidArgument, text: "etcdserver: revision of auth store is old" },
  INVALID_AUTH_TOKEN: { code: code.unauthenticated, text: "etcdserver: invalid auth token" },
  // These three have no code in etcd either.
  NO_PASSWORD_USER: {
    code: code.unknown,
    text: "auth: authentication failed, password was given for no password user",
  },
  PASSWORD_TOO_LONG: { code: code.unknown, text: "bcrypt: password length exceeds 72 bytes" },
  VERIFY_ONLY: { code: code.unknown, text: "auth: token signing attempted with verify-only key" },
};

export function rpcErrorOf(kvCode: KvErrorCode): RpcError {
  const { code: status, text } = kvErrors[kvCode];
  return new RpcError(status, text);
}

/** What the client is told of anything thrown. Undefined: a mistake of our own, to be logged and not shown. */
export function expectedError(thrown: unknown): RpcError | undefined {
  if (thrown instanceof RpcError) return thrown;
  if (thrown instanceof KvError) return rpcErrorOf(thrown.code);
  if (thrown instanceof GrpcMessageTooLarge) return new RpcError(code.resourceExhausted, thrown.message);
  if (thrown instanceof GrpcBodyError) return new RpcError(code.internal, thrown.message);
  return undefined;
}

export const badPeerUrls = (): RpcError =>
  new RpcError(code.invalidArgument, "etcdserver: given member URLs are invalid");

export const notForLearners = (): RpcError =>
  new RpcError(code.failedPrecondition, "etcdserver: rpc not supported for learner");

export const emptyKey = (): RpcError => new RpcError(code.invalidArgument, "etcdserver: key is not provided");
