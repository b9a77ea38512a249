import { etcdserverpb } from "../../wire/index.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { StoreAccess, Who } from "../ports.ts";

const service = etcdserverpb.AuthService;

export function userAddMethod(access: StoreAccess, who: Who): Method {
  return unary(service.UserAdd, async ({ name, password, options }) => {
    const noPassword = options?.noPassword === true;
    const change = { action: "add-user", user: name, password, noPassword } as const;
    return { header: headerOf(await access.change(change, who())) };
  });
}

export function userDeleteMethod(access: StoreAccess, who: Who): Method {
  return unary(service.UserDelete, async ({ name }) => ({
    header: headerOf(await access.change({ action: "delete-user", user: name }, who())),
  }));
}

export function userChangePasswordMethod(access: StoreAccess, who: Who): Method {
  return unary(service.UserChangePassword, async ({ name, password }) => ({
    header: headerOf(await access.change({ action: "change-password", user: name, password }, who())),
  }));
}

export function userGrantRoleMethod(access: StoreAccess, who: Who): Method {
  return unary(service.UserGrantRole, async ({ user, role }) => ({
    header: headerOf(await access.change({ action: "grant-role", user, role }, who())),
  }));
}

export function userRevokeRoleMethod(access: StoreAccess, who: Who): Method {
  return unary(service.UserRevokeRole, async ({ name, role }) => ({
    header: headerOf(await access.change({ action: "revoke-role", user: name, role }, who())),
  }));
}

export function userGetMethod(access: StoreAccess, who: Who): Method {
  return unary(service.UserGet, async ({ name }) => {
    const { header, user } = await access.user(name, who());
    return { header: headerOf(header), roles: user.roles };
  });
}

export function userListMethod(access: StoreAccess, who: Who): Method {
  return unary(service.UserList, async () => {
    const { header, names } = await access.users(who());
    return { header: headerOf(header), users: names };
  });
}
