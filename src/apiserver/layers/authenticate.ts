import type { IncomingMessage } from "node:http";
import { errors, type UserInfo } from "../../apimachinery/index.ts";
import type { Authenticator } from "../../auth/index.ts";
import { connectionOf } from "../../h2/index.ts";
import { headerLines } from "../header-lines.ts";
import type { Layer } from "../state.ts";

/** Where a request of this process carries its user: nobody else can set a symbol. */
export const inProcessUser: unique symbol = Symbol("inProcessUser");

/** Who asks. Credentials that are good for nobody are refused; none at all is the anonymous user. */
export function authenticate(authenticator: Authenticator): Layer {
  return (context, next) => {
    const request = context.req as IncomingMessage & { [inProcessUser]?: UserInfo };
    const connection = connectionOf(request);
    const found =
      request[inProcessUser] ??
      authenticator.authenticate({
        peerCertificate: connection?.peerCertificate,
        peerCertificateError: connection?.peerCertificateError,
        headers: () => headerLines(request),
        authorization: request.headers.authorization,
      });
    const go = (user: UserInfo | undefined): Promise<void> => {
      if (user === undefined) throw errors.unauthorized();
      context.state.user = user;
      return next(context);
    };
    return found instanceof Promise ? found.then(go) : go(found);
  };
}
