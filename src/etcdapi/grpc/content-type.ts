import type { IncomingStream } from "../../h2/index.ts";

export const plainContentType = "application/grpc";

/** What answers are called: as the request, which may say more than gRPC, where it is well said. */
export function contentTypeOf({ headers }: IncomingStream): string {
  const given = headers["content-type"];
  if (given === undefined || given === plainContentType || !isGrpc(given)) return plainContentType;
  const more = given.slice(plainContentType.length + 1);
  return more === "" ? plainContentType : `${plainContentType}+${more}`;
}

/** Whether something more than gRPC is said in a right way. */
export function isGrpc(contentType: string): boolean {
  return contentType === plainContentType || /^application\/grpc[+;]/.test(contentType);
}
