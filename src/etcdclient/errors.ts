import { KvError, type KvErrorCode } from "../kv/index.ts";
import { type RpcStatus, statusCode } from "./status.ts";

/** etcd's texts (api/v3rpc/rpctypes/error.go): they, not gRPC's codes, tell what happened. */
const codeOfText: Readonly<Record<string, KvErrorCode>> = {
  "etcdserver: mvcc: required revision has been compacted": "COMPACTED",
  "etcdserver: mvcc: required revision is a future revision": "FUTURE_REVISION",
  "etcdserver: key not found": "KEY_NOT_FOUND",
  "etcdserver: duplicate key given in txn request": "DUPLICATE_KEY",
  "etcdserver: too many operations in txn request": "TOO_MANY_OPS",
  "etcdserver: request is too large": "REQUEST_TOO_LARGE",
  "etcdserver: mvcc: database space exceeded": "NO_SPACE",
  "etcdserver: requested lease not found": "LEASE_NOT_FOUND",
  "etcdserver: lease already exists": "LEASE_EXISTS",
  "etcdserver: too large lease TTL": "LEASE_TTL_TOO_LARGE",
  "etcdserver: no leader": "NO_LEADER",
  "etcdserver: not leader": "NOT_LEADER",
  "etcdserver: leader changed": "LEADER_CHANGED",
  "etcdserver: too many requests": "TOO_MANY_REQUESTS",
  "etcdserver: request timed out": "TIMEOUT",
  "etcdserver: request timed out, possibly due to previous leader failure": "TIMEOUT",
  "etcdserver: request timed out, possibly due to connection lost": "TIMEOUT",
  "etcdserver: request timed out, waiting for the applied index took too long": "TIMEOUT",
  "etcdserver: corrupt cluster": "CORRUPT",
  "etcdserver: server stopped": "STOPPED",
  "etcdserver: member ID already exist": "MEMBER_EXISTS",
  "etcdserver: Peer URLs already exists": "PEER_URLS_EXIST",
  "etcdserver: member not found": "MEMBER_NOT_FOUND",
  "etcdserver: can only promote a learner member": "MEMBER_NOT_LEARNER",
  "etcdserver: can only promote a learner member which is in sync with leader": "LEARNER_NOT_READY",
  "etcdserver: too many learner members in cluster": "TOO_MANY_LEARNERS",
  "etcdserver: re-configuration failed due to not enough started members": "NOT_ENOUGH_STARTED",
  "etcdserver: unhealthy cluster": "UNHEALTHY",
  "etcdserver: bad leader transferee": "BAD_TRANSFEREE",
  "etcdserver: user name is empty": "USER_EMPTY",
  "etcdserver: user name already exists": "USER_EXISTS",
  "etcdserver: user name not found": "USER_NOT_FOUND",
  "etcdserver: role name is empty": "ROLE_EMPTY",
  "etcdserver: role name already exists": "ROLE_EXISTS",
  "etcdserver: role name not found": "ROLE_NOT_FOUND",
  "etcdserver: role is not granted to the user": "ROLE_NOT_GRANTED",
  "etcdserver: permission is not granted to the role": "PERMISSION_NOT_GRANTED",
  "etcdserver: permission denied": "PERMISSION_DENIED",
  "etcdserver: root user does not exist": "ROOT_USER_NOT_FOUND",
  "etcdserver: root user does not have root role": "ROOT_ROLE_NOT_GRANTED",
  "etcdserver: invalid auth management": "INVALID_AUTH_MGMT",
  "etcdserver: authentication is not enabled": "AUTH_NOT_ENABLED",
  "etcdserver: authentication failed, invalid user ID or password": "AUTH_FAILED",
  "etcdserver: revision of auth store is old": "AUTH_OLD_REVISION",
  "etcdserver: invalid auth token": "INVALID_AUTH_TOKEN",
  // With authentication on, and a certificate that names nobody.
  "etcdserver: user name is empty in authentication": "USER_EMPTY",
  "auth: authentication failed, password was given for no password user": "NO_PASSWORD_USER",
  "bcrypt: password length exceeds 72 bytes": "PASSWORD_TOO_LONG",
  "auth: token signing attempted with verify-only key": "VERIFY_ONLY",
};

/** Where the text is none of etcd's: something between us and it, or gRPC itself. */
const codeOfStatus: Readonly<Record<number, KvErrorCode>> = {
  [statusCode.deadlineExceeded]: "TIMEOUT",
  [statusCode.permissionDenied]: "PERMISSION_DENIED",
  [statusCode.resourceExhausted]: "TOO_MANY_REQUESTS",
  [statusCode.unavailable]: "TIMEOUT",
  [statusCode.dataLoss]: "CORRUPT",
  [statusCode.unauthenticated]: "INVALID_AUTH_TOKEN",
};

/** The port's error; a plain Error for what neither etcd nor we expect. What broke off leaves the outcome unknown, as a TIMEOUT does. */
export function errorOf(status: RpcStatus): Error {
  const { code, message, unsent = false } = status;
  if (unsent) return new KvError("NO_LEADER", message);
  if (status.tooLarge === true) return new KvError("REQUEST_TOO_LARGE", message);
  const known = codeOfText[message] ?? codeOfStatus[code];
  if (known === undefined) return new Error(`etcd answered with gRPC status ${code}: ${message}`);
  return new KvError(known, message);
}

/** The same of a watch that the server cancels: grpc-go's own writing of an error, or etcd's text alone. */
export function errorOfReason(reason: string): Error {
  const text = /^rpc error: code = \w+ desc = (.*)$/s.exec(reason)?.[1] ?? reason;
  return errorOf({ code: statusCode.unknown, message: text });
}

/** Whether another try may do better: the server is not to blame, or another member may be in a better state. */
export function isTransient({ code, message, broken = false }: RpcStatus): boolean {
  if (broken) return true;
  const known = codeOfText[message];
  if (known !== undefined) {
    return known === "NO_LEADER" || known === "LEADER_CHANGED" || known === "TIMEOUT" || known === "STOPPED";
  }
  return code === statusCode.unavailable || learner.test(message);
}

const learner = /rpc not supported for learner/;

/** Whether surely nothing was done: the member refused before it proposed anything. */
export function isUndone({ message, unsent = false }: RpcStatus): boolean {
  return unsent || codeOfText[message] === "NO_LEADER" || learner.test(message);
}
