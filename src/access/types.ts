/** What a role may do with a key or a range of keys. */
export interface Permission {
  readonly type: PermissionType;
  readonly key: Uint8Array;
  /** Empty: the key alone. One zero byte: to the last key. */
  readonly rangeEnd: Uint8Array;
}

export const permissionTypes = ["read", "write", "readwrite"] as const;
type PermissionType = (typeof permissionTypes)[number];

export interface User {
  readonly name: string;
  /** As `Passwords` makes it, and etcd. Empty where there is none. */
  readonly passwordHash: string;
  /** Only a certificate with this name in it, never a password, makes somebody this user. */
  readonly noPassword: boolean;
  /** Sorted. */
  readonly roles: readonly string[];
}

export interface Role {
  readonly name: string;
  /** Sorted by key. */
  readonly permissions: readonly Permission[];
}

/** What the log says about users and roles. */
export type AccessCommand =
  | { readonly action: "enable" }
  | { readonly action: "disable" }
  | {
      readonly action: "add-user";
      readonly user: string;
      readonly passwordHash: string;
      readonly noPassword: boolean;
    }
  | { readonly action: "delete-user"; readonly user: string }
  | { readonly action: "change-password"; readonly user: string; readonly passwordHash: string }
  | { readonly action: "grant-role"; readonly user: string; readonly role: string }
  | { readonly action: "revoke-role"; readonly user: string; readonly role: string }
  | { readonly action: "add-role"; readonly role: string }
  | { readonly action: "delete-role"; readonly role: string }
  | { readonly action: "grant-permission"; readonly role: string; readonly permission: Permission }
  | {
      readonly action: "revoke-permission";
      readonly role: string;
      readonly key: Uint8Array;
      readonly rangeEnd: Uint8Array;
    }
  | {
      readonly action: "authenticate";
      readonly user: string;
      readonly token: string;
      /** Of users and roles when the password was checked. */
      readonly revision: number;
    };
