import type { Revision } from "../base/index.ts";
import { KvError, type KvErrorCode } from "../kv/index.ts";
import { StorageError, type StorageErrorCode } from "./ports.ts";

/** What a failure of the store means for an object. LEADER_CHANGED and TIMEOUT leave the outcome of a write unknown. */
const codeOf: Record<KvErrorCode, StorageErrorCode> = {
  COMPACTED: "EXPIRED",
  FUTURE_REVISION: "TOO_LARGE_RESOURCE_VERSION",
  KEY_NOT_FOUND: "KEY_NOT_FOUND",
  DUPLICATE_KEY: "UNAVAILABLE",
  TOO_MANY_OPS: "TOO_LARGE",
  REQUEST_TOO_LARGE: "TOO_LARGE",
  NO_SPACE: "UNAVAILABLE",
  LEASE_NOT_FOUND: "UNAVAILABLE",
  LEASE_EXISTS: "UNAVAILABLE",
  LEASE_TTL_TOO_LARGE: "UNAVAILABLE",
  NO_LEADER: "UNAVAILABLE",
  NOT_LEADER: "UNAVAILABLE",
  LEADER_CHANGED: "TIMEOUT",
  TOO_MANY_REQUESTS: "UNAVAILABLE",
  TIMEOUT: "TIMEOUT",
  CORRUPT: "UNAVAILABLE",
  STOPPED: "UNAVAILABLE",
  MEMBER_EXISTS: "UNAVAILABLE",
  PEER_URLS_EXIST: "UNAVAILABLE",
  MEMBER_NOT_FOUND: "UNAVAILABLE",
  MEMBER_NOT_LEARNER: "UNAVAILABLE",
  LEARNER_NOT_READY: "UNAVAILABLE",
  TOO_MANY_LEARNERS: "UNAVAILABLE",
  NOT_ENOUGH_STARTED: "UNAVAILABLE",
  UNHEALTHY: "UNAVAILABLE",
  BAD_TRANSFEREE: "UNAVAILABLE",
  // Of callers whose rights are asked for: a store outside, with credentials that do not do.
  USER_EMPTY: "UNAVAILABLE",
  USER_EXISTS: "UNAVAILABLE",
  USER_NOT_FOUND: "UNAVAILABLE",
  ROLE_EMPTY: "UNAVAILABLE",
  ROLE_EXISTS: "UNAVAILABLE",
  ROLE_NOT_FOUND: "UNAVAILABLE",
  ROLE_NOT_GRANTED: "UNAVAILABLE",
  PERMISSION_NOT_GRANTED: "UNAVAILABLE",
  PERMISSION_DENIED: "UNAVAILABLE",
  ROOT_USER_NOT_FOUND: "UNAVAILABLE",
  ROOT_ROLE_NOT_GRANTED: "UNAVAILABLE",
  INVALID_AUTH_MGMT: "UNAVAILABLE",
  AUTH_NOT_ENABLED: "UNAVAILABLE",
  AUTH_FAILED: "UNAVAILABLE",
  AUTH_OLD_REVISION: "UNAVAILABLE",
  INVALID_AUTH_TOKEN: "UNAVAILABLE",
  NO_PASSWORD_USER: "UNAVAILABLE",
  PASSWORD_TOO_LONG: "UNAVAILABLE",
  VERIFY_ONLY: "UNAVAILABLE",
};

/** The StorageError of anything that a call of the store threw; what is not a KvError passes unchanged. */
export function storageErrorOf(error: unknown, key: string): unknown {
  return error instanceof KvError ? new StorageError(codeOf[error.code], key, error.message) : error;
}

export const keyNotFound = (key: string): StorageError =>
  new StorageError("KEY_NOT_FOUND", key, `key not found: ${key}`);

export const keyExists = (key: string): StorageError =>
  new StorageError("KEY_EXISTS", key, `key exists: ${key}`);

/** `asked` as the client wrote it. Served as 504 after "Timeout: ". */
export const tooLargeResourceVersion = (asked: string | number, current: Revision): StorageError =>
  new StorageError(
    "TOO_LARGE_RESOURCE_VERSION",
    "",
    `Too large resource version: ${asked}, current: ${current}`,
    {
      resourceVersion: String(current),
    },
  );

/** The watch would begin before the oldest change that is kept: everything up to `forgotten` is gone. */
export const watchExpired = (asked: Revision, forgotten: Revision): StorageError =>
  new StorageError("EXPIRED", "", `too old resource version: ${asked} (${forgotten})`, {
    resourceVersion: String(forgotten),
  });

export const listExpired = (key: string): StorageError =>
  new StorageError("EXPIRED", key, "The resourceVersion for the provided list is too old.");

/** `token` goes on where the old one stood, at the newest revision. */
export const continueExpired = (key: string, token: string): StorageError =>
  new StorageError(
    "EXPIRED",
    key,
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    { continue: token },
  );
