import { type authpb, type Draft, etcdserverpb } from "../../wire/index.ts";
import { code, RpcError } from "../errors.ts";
import { headerOf } from "../header.ts";
import { type Method, unary } from "../method.ts";
import type { KeyPermission, StoreAccess, Who } from "../ports.ts";

const service = etcdserverpb.AuthService;

/** In the order of their numbers. */
const types = ["read", "write", "readwrite"] as const;

export function roleAddMethod(access: StoreAccess, who: Who): Method {
  return unary(service.RoleAdd, async ({ name }) => ({
    header: headerOf(await access.change({ action: "add-role", role: name }, who())),
  }));
}

export function roleDeleteMethod(access: StoreAccess, who: Who): Method {
  return unary(service.RoleDelete, async ({ role }) => ({
    header: headerOf(await access.change({ action: "delete-role", role }, who())),
  }));
}

export function roleGetMethod(access: StoreAccess, who: Who): Method {
  return unary(service.RoleGet, async ({ role: name }) => {
    const { header, role } = await access.role(name, who());
    return { header: headerOf(header), perm: role.permissions.map(permissionOf) };
  });
}

export function roleListMethod(access: StoreAccess, who: Who): Method {
  return unary(service.RoleList, async () => {
    const { header, names } = await access.roles(who());
    return { header: headerOf(header), roles: names };
  });
}

export function roleGrantPermissionMethod(access: StoreAccess, who: Who): Method {
  return unary(service.RoleGrantPermission, async ({ name, perm }) => {
    const type = perm && types[perm.permType];
    if (perm === undefined || type === undefined) {
      access.requireAdmin(who());
      throw new RpcError(code.invalidArgument, "etcdserver: permission not given");
    }
    const { key, rangeEnd } = perm;
    const permission = { type, key, rangeEnd };
    return {
      header: headerOf(await access.change({ action: "grant-permission", role: name, permission }, who())),
    };
  });
}

export function roleRevokePermissionMethod(access: StoreAccess, who: Who): Method {
  return unary(service.RoleRevokePermission, async ({ role, key, rangeEnd }) => ({
    header: headerOf(await access.change({ action: "revoke-permission", role, key, rangeEnd }, who())),
  }));
}

function permissionOf({ type, key, rangeEnd }: KeyPermission): Draft<authpb.Permission> {
  return { permType: types.indexOf(type), key, rangeEnd };
}
