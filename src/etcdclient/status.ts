import { statusCode } from "../wire/index.ts";

export { statusCode };

/** How a call ended. */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  /** Surely nothing was done: it never left, or the server said so. */
  readonly unsent?: boolean;
  /** The server said nothing about it: the stream or the connection broke. */
  readonly broken?: boolean;
  /** The answer was larger than we take. */
  readonly tooLarge?: boolean;
}

/** What a server that does not speak gRPC, or something before it, means (gRPC's http-grpc-status-mapping.md). */
export function statusOfHttp(status: number): number {
  switch (status) {
    case 401:
      return statusCode.unauthenticated;
    case 403:
      return statusCode.permissionDenied;
    case 404:
      return statusCode.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return statusCode.unavailable;
    default:
      return statusCode.unknown;
  }
}

/** A status message as written (percent-encoded); what is encoded wrongly is shown as it came. */
export function statusMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
