import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { StoreAccess, Who } from "../ports.ts";

/** From now on clients have to say who they are, and may do what their roles allow. */
export function authEnableMethod(access: StoreAccess, who: Who): Method {
  return unary(etcdserverpb.AuthService.AuthEnable, async () => ({
    header: headerOf(await access.change({ action: "enable" }, who())),
  }));
}

export function authDisableMethod(access: StoreAccess, who: Who): Method {
  return unary(etcdserverpb.AuthService.AuthDisable, async () => ({
    header: headerOf(await access.change({ action: "disable" }, who())),
  }));
}

export function authStatusMethod(access: StoreAccess, who: Who): Method {
  return unary(etcdserverpb.AuthService.AuthStatus, async () => {
    const { header, enabled, revision } = await access.status(who());
    return { header: headerOf(header), enabled, authRevision: revision };
  });
}
