import { aggregateMessages, type FieldError, fieldErrorBody, fieldErrorText, quoteGo } from "./field.ts";
import type { GroupResource } from "./object.ts";
import { type StatusCause, type StatusDetails, StatusError, type StatusReason } from "./status.ts";

/**
 * The failures of the resource API, text for text as k8s.io/apimachinery/pkg/api/errors and k8s.io/apiserver make
 * them: clients match on reasons and people know the messages.
 */

interface GroupKindName {
  readonly group: string;
  readonly kind: string;
}

/** `deployments.apps`, or `pods` for the core group. */
export function groupResourceText(resource: GroupResource): string {
  return resource.group === "" ? resource.resource : `${resource.resource}.${resource.group}`;
}

/** `Deployment.apps`, or `Pod` for the core group. */
export function groupKindText(kind: GroupKindName): string {
  return kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
}

function failure(code: number, reason: StatusReason, message: string, details?: StatusDetails): StatusError {
  return new StatusError({
    status: "Failure",
    message,
    ...(reason === "" ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  });
}

/** Details of a named object; empty parts are left out, as Go's omitempty does. */
function detailsOf(
  resource: GroupResource,
  name: string,
  causes: readonly StatusCause[] = [],
): StatusDetails {
  return {
    ...(name === "" ? {} : { name }),
    ...(resource.group === "" ? {} : { group: resource.group }),
    ...(resource.resource === "" ? {} : { kind: resource.resource }),
    ...(causes.length === 0 ? {} : { causes: [...causes] }),
  };
}

/** 404: no object of that name. */
export function notFound(resource: GroupResource, name: string): StatusError {
  const message = `${groupResourceText(resource)} ${quoteGo(name)} not found`;
  return failure(404, "NotFound", message, detailsOf(resource, name));
}

/** 404: no such path or resource. */
export function resourceNotFound(): StatusError {
  return failure(404, "NotFound", "the server could not find the requested resource", {});
}

/** 409: the name is taken. */
export function alreadyExists(resource: GroupResource, name: string): StatusError {
  const message = `${groupResourceText(resource)} ${quoteGo(name)} already exists`;
  return failure(409, "AlreadyExists", message, detailsOf(resource, name));
}

/** 409: generateName found no free name; the client may try again. */
export function generateNameConflict(
  resource: GroupResource,
  name: string,
  retryAfterSeconds: number,
): StatusError {
  return failure(
    409,
    "AlreadyExists",
    `${groupResourceText(resource)} ${quoteGo(name)} already exists, the server was not able to generate a unique name for the object`,
    { ...detailsOf(resource, name), ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }) },
  );
}

/** The message of a lost race on resourceVersion. */
export const optimisticLockMessage =
  "the object has been modified; please apply your changes to the latest version and try again";

/** 409: the object changed in between, or a precondition does not hold. */
export function conflict(
  resource: GroupResource,
  name: string,
  message: string = optimisticLockMessage,
): StatusError {
  return failure(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${groupResourceText(resource)} ${quoteGo(name)}: ${message}`,
    detailsOf(resource, name),
  );
}

/** 409: server-side apply met fields of other managers. */
export function applyConflict(causes: readonly StatusCause[], message: string): StatusError {
  return failure(409, "Conflict", message, causes.length === 0 ? {} : { causes: [...causes] });
}

/** 422: the object breaks its kind's rules; every error is a cause. */
export function invalid(kind: GroupKindName, name: string, errors: readonly FieldError[]): StatusError {
  const causes = errors.map((error) => ({
    reason: error.type,
    message: fieldErrorBody(error),
    field: error.field,
  }));
  const head = `${groupKindText(kind)} ${quoteGo(name)} is invalid`;
  const message = errors.length === 0 ? head : `${head}: ${aggregateMessages(errors.map(fieldErrorText))}`;
  return failure(
    422,
    "Invalid",
    message,
    detailsOf({ group: kind.group, resource: kind.kind }, name, causes),
  );
}

/** 422 for a patch that cannot be applied to the object: upstream's generic server response. */
export function unprocessablePatch(): StatusError {
  return failure(422, "Invalid", "the server rejected our request due to an error in our request", {});
}

/** 400: the request cannot be understood. */
export function badRequest(message: string): StatusError {
  return failure(400, "BadRequest", message);
}

/** 401: nobody known asks. */
export function unauthorized(message = "Unauthorized"): StatusError {
  return failure(401, "Unauthorized", message);
}

/** 403: `name` "" for a whole resource. Texts as upstream composes them from what is known of the target. */
export function forbidden(resource: GroupResource, name: string, message: string): StatusError {
  let target = "forbidden";
  if (resource.resource !== "" || resource.group !== "") {
    target =
      name === ""
        ? `${groupResourceText(resource)} is forbidden`
        : `${groupResourceText(resource)} ${quoteGo(name)} is forbidden`;
  }
  return failure(403, "Forbidden", `${target}: ${message}`, detailsOf(resource, name));
}

/** 403 with causes: admission, a namespace that terminates. */
export function forbiddenWithCauses(
  resource: GroupResource,
  name: string,
  message: string,
  causes: readonly StatusCause[],
): StatusError {
  const error = forbidden(resource, name, message);
  error.status.details = { ...error.status.details, causes: [...causes] };
  return error;
}

/** 405: the path exists, the verb does not. */
export function methodNotAllowed(): StatusError {
  return failure(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {},
  );
}

/** 405 with the verb named, as a storage without that verb answers. */
export function methodNotSupported(resource: GroupResource, action: string): StatusError {
  return failure(
    405,
    "MethodNotAllowed",
    `${action} is not supported on resources of kind ${quoteGo(groupResourceText(resource))}`,
    detailsOf(resource, ""),
  );
}

/** 406: no representation that the client accepts. */
export function notAcceptable(accepted: readonly string[]): StatusError {
  return failure(406, "NotAcceptable", `only the following media types are accepted: ${accepted.join(", ")}`);
}

/** 415: a body of a media type that the path does not read. */
export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  return failure(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  );
}

/** 406 and 415 as upstream's router says them, before a resource is looked at. */
export function refusedByRouter(code: 406 | 415, detail = ""): StatusError {
  const [reason, text] =
    code === 406
      ? (["NotAcceptable", "Not Acceptable"] as const)
      : (["UnsupportedMediaType", "Unsupported Media Type"] as const);
  return failure(code, reason, `${code}: ${text}${detail}`, {});
}

/** 410: what was asked for is compacted away: list again. */
export function expired(message: string): StatusError {
  return failure(410, "Expired", message);
}

/** 410 with reason Gone. */
export function gone(message: string): StatusError {
  return failure(410, "Gone", message);
}

/** 504: a resourceVersion that this server has not seen yet; clients recognise it by the cause. */
export function tooLargeResourceVersion(
  requested: number | bigint | string,
  current: number | bigint | string,
  retryAfterSeconds: number,
): StatusError {
  const message = `Too large resource version: ${requested}, current: ${current}`;
  return failure(504, "Timeout", `Timeout: ${message}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
  });
}

/** 413: `message` names the limit. */
export function requestEntityTooLarge(message: string): StatusError {
  return failure(413, "RequestEntityTooLarge", `Request entity too large: ${message}`);
}

/** 500: our fault, or a dependency's. */
export function internalError(message: string): StatusError {
  return failure(500, "InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });
}

/** 500 without a reason: what upstream answers when an error is not a Status. */
export function plainError(message: string): StatusError {
  return failure(500, "", message);
}

/** 500: the operation cannot be completed in time; try again. */
export function serverTimeout(
  resource: GroupResource,
  operation: string,
  retryAfterSeconds: number,
): StatusError {
  return failure(
    500,
    "ServerTimeout",
    `The ${operation} operation against ${groupResourceText(resource)} could not be completed at this time, please try again.`,
    { ...detailsOf(resource, operation), ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }) },
  );
}

/** 504: the request ran out of its time. */
export function timeout(message: string, retryAfterSeconds = 0): StatusError {
  return failure(504, "Timeout", `Timeout: ${message}`, retryAfterSeconds === 0 ? {} : { retryAfterSeconds });
}

/** 429: come back later. */
export function tooManyRequests(
  message: string,
  retryAfterSeconds: number,
  causes: readonly StatusCause[] = [],
): StatusError {
  return failure(429, "TooManyRequests", message, {
    ...(causes.length === 0 ? {} : { causes: [...causes] }),
    ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
  });
}

/** 429: the server sheds load. */
export function tooManyRequestsError(message: string): StatusError {
  return failure(429, "TooManyRequests", `Too many requests: ${message}`);
}

/** 503 */
export function serviceUnavailable(message: string): StatusError {
  return failure(503, "ServiceUnavailable", message);
}
