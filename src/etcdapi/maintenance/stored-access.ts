import { fromUtf8 } from "../../base/index.ts";
import { decode, etcdserverpb } from "../../wire/index.ts";
import type { AccessChange } from "../ports.ts";

/** As it stands in a log: with hashes where a client has said passwords. */
type StoredAccessChange = AccessChange<{ readonly passwordHash: string }>;

export interface StoredAccess {
  readonly change: StoredAccessChange;
  /** To be hashed, and then in place of the hash: the log of an etcd before 3.5 has it as it was typed. */
  readonly password?: string;
}

const permissionTypes = ["read", "write", "readwrite"] as const;

/**
 * By the number of a field of InternalRaftRequest. Undefined: there is nothing to change.
 * @throws Error: it is no such field; what it says is not understood
 */
export function storedAccess(field: number, bytes: Uint8Array): StoredAccess | undefined {
  switch (field) {
    case 1100: {
      const { name, password, hashedPassword, options } = decode(etcdserverpb.AuthUserAddRequest, bytes);
      if (options?.noPassword === true)
        return { change: { action: "add-user", user: name, passwordHash: "", noPassword: true } };
      const { passwordHash, ...rest } = secretOf(password, hashedPassword);
      return { change: { action: "add-user", user: name, passwordHash, noPassword: false }, ...rest };
    }
    case 1103: {
      const request = decode(etcdserverpb.AuthUserChangePasswordRequest, bytes);
      const { passwordHash, ...rest } = secretOf(request.password, request.hashedPassword);
      return { change: { action: "change-password", user: request.name, passwordHash }, ...rest };
    }
    default: {
      const change = plainChange(field, bytes);
      return change && { change };
    }
  }
}

function plainChange(field: number, bytes: Uint8Array): StoredAccessChange | undefined {
  switch (field) {
    case 1000:
      return { action: "enable" };
    case 1011:
      return { action: "disable" };
    case 1101:
      return { action: "delete-user", user: decode(etcdserverpb.AuthUserDeleteRequest, bytes).name };
    case 1104: {
      const { user, role } = decode(etcdserverpb.AuthUserGrantRoleRequest, bytes);
      return { action: "grant-role", user, role };
    }
    case 1105: {
      const { name, role } = decode(etcdserverpb.AuthUserRevokeRoleRequest, bytes);
      return { action: "revoke-role", user: name, role };
    }
    case 1200:
      return { action: "add-role", role: decode(etcdserverpb.AuthRoleAddRequest, bytes).name };
    case 1201:
      return { action: "delete-role", role: decode(etcdserverpb.AuthRoleDeleteRequest, bytes).role };
    case 1203:
      return grant(decode(etcdserverpb.AuthRoleGrantPermissionRequest, bytes));
    case 1204: {
      const { role, key, rangeEnd } = decode(etcdserverpb.AuthRoleRevokePermissionRequest, bytes);
      return { action: "revoke-permission", role, key, rangeEnd };
    }
    default:
      throw new Error(`a request of an unknown kind: ${field}`);
  }
}

/** Since 3.5 the log has a hash, in base64. */
function secretOf(password: string, hashedPassword: string): { passwordHash: string; password?: string } {
  if (password !== "" && hashedPassword === "") return { passwordHash: "", password };
  return { passwordHash: fromUtf8(Buffer.from(hashedPassword, "base64")) };
}

/** Without a permission there is nothing to grant. */
function grant(request: etcdserverpb.AuthRoleGrantPermissionRequest): StoredAccessChange | undefined {
  const { name: role, perm } = request;
  if (perm === undefined) return undefined;
  const type = permissionTypes[perm.permType];
  if (type === undefined) throw new Error(`a permission of kind ${perm.permType} is not known`);
  const { key, rangeEnd } = perm;
  return { action: "grant-permission", role, permission: { type, key, rangeEnd } };
}
