import type { IncomingMessage } from "node:http";
import { errors } from "../apimachinery/index.ts";
import { requestBytesMax } from "./limits.ts";

/** Where a request that never was on a wire keeps its body. */
export const inlineBody: unique symbol = Symbol("inlineBody");

const tooLarge = (): Error => errors.requestEntityTooLarge(`limit is ${requestBytesMax}`);

/** The whole body. @throws StatusError RequestEntityTooLarge */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  const inline = (request as { [inlineBody]?: Buffer })[inlineBody];
  if (inline !== undefined) {
    return inline.length > requestBytesMax ? Promise.reject(tooLarge()) : Promise.resolve(inline);
  }
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    request.on("data", (part: Buffer) => {
      length += part.length;
      if (length > requestBytesMax) {
        // What still comes is read and dropped, so that the client gets to see the answer.
        parts.length = 0;
        reject(tooLarge());
      } else {
        parts.push(part);
      }
    });
    request.on("end", () => resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)));
    request.on("error", reject);
    request.on("aborted", () =>
      reject(errors.badRequest("the client went away before its request was whole")),
    );
  });
}
