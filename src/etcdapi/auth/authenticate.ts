import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { StoreAccess } from "../ports.ts";

/** A token for a name and a password, to be shown with every call. */
export function authenticateMethod(access: StoreAccess): Method {
  return unary(etcdserverpb.AuthService.Authenticate, async ({ name, password }) => {
    const { header, token } = await access.authenticate(name, password);
    return { header: headerOf(header), token };
  });
}
