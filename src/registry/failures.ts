import { errors, type GroupResource, type StatusError } from "../apimachinery/index.ts";
import { StorageError } from "../storage/index.ts";

/** What was being done, for the texts. */
export interface FailedCall {
  readonly resource: GroupResource;
  readonly verb: "create" | "delete" | "get" | "list" | "update" | "watch";
  readonly name?: string;
  /** As the client asked for it. */
  readonly resourceVersion?: string;
}

/** Seconds after which asking again makes sense, as upstream says. */
const retryAfterSeconds = 2;
const freshnessRetrySeconds = 1;

/**
 * The Status of anything that a store threw; what is no StorageError passes unchanged. The one place where storage's codes
 * become HTTP's (upstream's pkg/api/errors/storage).
 */
export function statusOf(error: unknown, call: FailedCall): unknown {
  return error instanceof StorageError ? storageStatus(error, call) : error;
}

/** Whether the store takes nothing as large as what was written. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof StorageError && error.code === "TOO_LARGE";
}

function storageStatus(error: StorageError, call: FailedCall): StatusError {
  const name = call.name ?? "";
  switch (error.code) {
    case "KEY_EXISTS":
      return errors.alreadyExists(call.resource, name);
    case "KEY_NOT_FOUND":
      return errors.notFound(call.resource, name);
    case "CONFLICT":
      return errors.conflict(call.resource, name, error.message);
    case "EXPIRED": {
      const status = errors.expired(error.message);
      if (error.details.continue !== undefined) status.status.metadata.continue = error.details.continue;
      return status;
    }
    case "TOO_LARGE_RESOURCE_VERSION":
      return errors.tooLargeResourceVersion(
        call.resourceVersion ?? "",
        error.details.resourceVersion ?? "",
        freshnessRetrySeconds,
      );
    case "INVALID_RESOURCE_VERSION":
      if (call.verb === "list") return errors.badRequest(error.message);
      return errors.plainError(error.message);
    case "INVALID_CONTINUE":
      return errors.badRequest(error.message);
    case "TOO_LARGE":
      return errors.plainError(error.message);
    case "UNAVAILABLE":
      return errors.serverTimeout(call.resource, call.verb, retryAfterSeconds);
    case "TIMEOUT":
      return errors.timeout(error.message, retryAfterSeconds);
    case "CORRUPT_OBJECT":
      return errors.internalError(error.message);
  }
}
