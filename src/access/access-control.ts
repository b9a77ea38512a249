/**
 * Who may do what with the store: users have roles, roles have permissions on ranges of keys, and the role root may do everything
 * (https://etcd.io/docs/v3.6/op-guide/authentication/rbac/). Replicated state: changed only by applied entries, so equal on all members at
 * equal index, tokens excepted. Whoever asks is checked where it counts: against this state, at the entry that carries the request.
 */
import { compareBytes, fromUtf8, unreachable, utf8 } from "../base/index.ts";
import { type Caller, type KeyRange, KvError, type Op, type Txn } from "../kv/index.ts";
import { isOpenEnded, KeyRanges } from "./key-ranges.ts";
import type { Tokens } from "./tokens.ts";
import type { AccessCommand, Permission, Role, User } from "./types.ts";

const root = "root";
/** The revision of a state that nobody has changed yet. */
const firstRevision = 1;

/** What the role root may do: everything, whatever was granted to it. */
const rootPermission: Permission = {
  type: "readwrite",
  key: new Uint8Array(0),
  rangeEnd: Uint8Array.of(0),
};

interface Rights {
  readonly read: KeyRanges;
  readonly write: KeyRanges;
}

/** The keys of a lease. */
export type LeaseKeys = (lease: bigint) => readonly Uint8Array[];

export class AccessControl {
  #enabled = false;
  #revision = firstRevision;
  #users = new Map<string, User>();
  #roles = new Map<string, Role>();
  /** Of users, made when first needed and forgotten with every change. */
  readonly #rights = new Map<string, Rights>();
  readonly #tokens: Tokens;

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** Raised by every change of a user or a role, and by switching it all off. */
  get revision(): number {
    return this.#revision;
  }

  get userNames(): string[] {
    return [...this.#users.keys()].sort();
  }

  get roleNames(): string[] {
    return [...this.#roles.keys()].sort();
  }

  /** @throws KvError USER_NOT_FOUND */
  user(name: string): User {
    const user = this.#users.get(name);
    if (user === undefined) throw new KvError("USER_NOT_FOUND", `user ${name} is not there`);
    return user;
  }

  /** @throws KvError ROLE_NOT_FOUND */
  role(name: string): Role {
    const role = this.#roles.get(name);
    if (role === undefined) throw new KvError("ROLE_NOT_FOUND", `role ${name} is not there`);
    return name === root ? { name, permissions: [rootPermission] } : role;
  }

  /** Every user and role as it is kept, by name: for whoever writes the whole state down. */
  get all(): { readonly users: readonly User[]; readonly roles: readonly Role[] } {
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    return { users: [...this.#users.values()].sort(byName), roles: [...this.#roles.values()].sort(byName) };
  }

  /** @throws KvError: a refusal, which changed nothing */
  apply(command: AccessCommand): void {
    switch (command.action) {
      case "enable":
        return this.#enable();
      case "disable":
        if (!this.#enabled) return;
        this.#enabled = false;
        this.#tokens.clear();
        return this.#changed();
      case "add-user":
        return this.#addUser(command);
      case "delete-user":
        if (command.user === root) this.#notWhileEnabled();
        this.user(command.user);
        this.#users.delete(command.user);
        this.#tokens.revoke(command.user);
        return this.#changed();
      case "change-password": {
        const user = this.user(command.user);
        const passwordHash = user.noPassword ? "" : command.passwordHash;
        this.#users.set(user.name, { ...user, passwordHash });
        this.#tokens.revoke(user.name);
        return this.#changed();
      }
      case "grant-role":
        return this.#grantRole(command);
      case "revoke-role":
        return this.#revokeRole(command);
      case "add-role":
        if (command.role === "") throw new KvError("ROLE_EMPTY", "a role needs a name");
        if (this.#roles.has(command.role)) throw new KvError("ROLE_EXISTS", `role ${command.role} is there`);
        this.#roles.set(command.role, { name: command.role, permissions: [] });
        return this.#changed();
      case "delete-role":
        return this.#deleteRole(command.role);
      case "grant-permission":
        return this.#grantPermission(command);
      case "revoke-permission":
        return this.#revokePermission(command);
      case "authenticate": {
        if (!this.#enabled) throw new KvError("AUTH_NOT_ENABLED", "nobody has to say who they are");
        if (!this.#users.has(command.user)) throw new KvError("AUTH_FAILED", "no such user");
        // The password may have been another one by now: whoever proposed this checks it again.
        if (command.revision !== this.#revision)
          throw new KvError("AUTH_OLD_REVISION", "users have changed since the password was checked");
        return this.#tokens.add(command.token, command.user);
      }
      default:
        return unreachable(command);
    }
  }

  /** @throws KvError USER_EMPTY while nobody may come unnamed */
  requireUser({ user }: Caller): void {
    if (this.#enabled && user === "") throw userEmpty();
  }

  /** @throws KvError USER_EMPTY, USER_NOT_FOUND, PERMISSION_DENIED */
  requireAdmin({ user }: Caller): void {
    if (!this.#enabled) return;
    if (user === "") throw userEmpty();
    if (!this.user(user).roles.includes(root)) throw denied(user);
  }

  /** Whoever it is may do everything. */
  isAdmin({ user }: Caller): boolean {
    return !this.#enabled || this.#users.get(user)?.roles.includes(root) === true;
  }

  /** A user may look at itself. @throws KvError */
  requireAdminOrSelf(caller: Caller, name: string): void {
    if (caller.user !== name || caller.user === "") this.requireAdmin(caller);
  }

  /** Whoever has a role may look at it. @throws KvError */
  requireAdminOrRole(caller: Caller, role: string): void {
    if (!this.#users.get(caller.user)?.roles.includes(role)) this.requireAdmin(caller);
  }

  /** @throws KvError USER_EMPTY, AUTH_OLD_REVISION, PERMISSION_DENIED */
  requireRead(caller: Caller, range: KeyRange): void {
    this.#require(caller, "read", range);
  }

  /** @throws KvError */
  requireWrite(caller: Caller, range: KeyRange): void {
    this.#require(caller, "write", range);
  }

  /** Every key that belongs to the lease. @throws KvError */
  requireWriteOfKeys(caller: Caller, keys: readonly Uint8Array[]): void {
    for (const key of keys) this.requireWrite(caller, { key });
  }

  /** @throws KvError */
  requireReadOfKeys(caller: Caller, keys: readonly Uint8Array[]): void {
    for (const key of keys) this.requireRead(caller, { key });
  }

  /** All that a transaction may turn out to do, in both branches and at every level. @throws KvError */
  requireTxn(caller: Caller, txn: Txn, leaseKeys: LeaseKeys): void {
    for (const compare of txn.compare) this.requireRead(caller, compare);
    for (const op of txn.success) this.#requireOp(caller, op, leaseKeys);
    for (const op of txn.failure) this.#requireOp(caller, op, leaseKeys);
  }

  /** Equal states give equal bytes. */
  image(): Uint8Array {
    const { users, roles } = this.all;
    const shown = roles.map(({ name, permissions }) => ({
      name,
      permissions: permissions.map(({ type, key, rangeEnd }) => ({
        type,
        key: base64(key),
        rangeEnd: base64(rangeEnd),
      })),
    }));
    return utf8(JSON.stringify({ enabled: this.#enabled, revision: this.#revision, users, roles: shown }));
  }

  restore(image: Uint8Array): void {
    const { enabled, revision, users, roles } = JSON.parse(fromUtf8(image)) as {
      enabled: boolean;
      revision: number;
      users: User[];
      roles: { name: string; permissions: { type: Permission["type"]; key: string; rangeEnd: string }[] }[];
    };
    this.#enabled = enabled;
    this.#revision = revision;
    this.#users = new Map(users.map((user) => [user.name, user]));
    this.#roles = new Map(
      roles.map(({ name, permissions }) => [
        name,
        {
          name,
          permissions: permissions.map(({ type, key, rangeEnd }) => ({
            type,
            key: fromBase64(key),
            rangeEnd: fromBase64(rangeEnd),
          })),
        },
      ]),
    );
    this.#rights.clear();
    this.#tokens.clear();
  }

  /** Becomes what another store had. */
  adopt(state: { enabled: boolean; revision: number; users: readonly User[]; roles: readonly Role[] }): void {
    this.clear();
    this.#enabled = state.enabled;
    this.#revision = Math.max(firstRevision, state.revision);
    this.#users = new Map(state.users.map((user) => [user.name, user]));
    this.#roles = new Map(state.roles.map((role) => [role.name, role]));
  }

  /** As nobody has changed it yet. */
  clear(): void {
    this.#enabled = false;
    this.#revision = firstRevision;
    this.#users.clear();
    this.#roles.clear();
    this.#rights.clear();
    this.#tokens.clear();
  }

  #enable(): void {
    if (this.#enabled) return;
    const user = this.#users.get(root);
    if (user === undefined) throw new KvError("ROOT_USER_NOT_FOUND", "there is no user root");
    if (!user.roles.includes(root)) throw new KvError("ROOT_ROLE_NOT_GRANTED", "user root has not the role");
    // As in etcd, this alone does not raise the revision.
    this.#enabled = true;
  }

  #addUser({ user: name, passwordHash, noPassword }: AccessCommand & { action: "add-user" }): void {
    if (name === "") throw userEmpty();
    if (this.#users.has(name)) throw new KvError("USER_EXISTS", `user ${name} is there`);
    this.#users.set(name, { name, passwordHash: noPassword ? "" : passwordHash, noPassword, roles: [] });
    this.#changed();
  }

  #grantRole({ user: name, role }: AccessCommand & { action: "grant-role" }): void {
    const user = this.user(name);
    // The role root need not be there to be granted.
    if (role !== root) this.role(role);
    if (user.roles.includes(role)) return;
    this.#users.set(name, { ...user, roles: [...user.roles, role].sort() });
    this.#changed();
  }

  #revokeRole({ user: name, role }: AccessCommand & { action: "revoke-role" }): void {
    if (name === root && role === root) this.#notWhileEnabled();
    const user = this.user(name);
    if (!user.roles.includes(role))
      throw new KvError("ROLE_NOT_GRANTED", `user ${name} does not have role ${role}`);
    this.#users.set(name, { ...user, roles: user.roles.filter((one) => one !== role) });
    this.#changed();
  }

  #deleteRole(name: string): void {
    if (name === root) this.#notWhileEnabled();
    this.role(name);
    this.#roles.delete(name);
    for (const user of this.#users.values()) {
      if (!user.roles.includes(name)) continue;
      this.#users.set(user.name, { ...user, roles: user.roles.filter((one) => one !== name) });
    }
    this.#changed();
  }

  #grantPermission({ role: name, permission }: AccessCommand & { action: "grant-permission" }): void {
    const { key, rangeEnd } = permission;
    const orderly = rangeEnd.length === 0 || isOpenEnded(rangeEnd) || compareBytes(key, rangeEnd) < 0;
    if (key.length === 0 || !orderly) throw new KvError("INVALID_AUTH_MGMT", "not a range of keys");
    this.role(name);
    const role = this.#roles.get(name) as Role;
    const known = role.permissions.findIndex((one) => sameRange(one, permission));
    // Another right to the same keys takes the old one's place: ranges that begin alike stay in the order of their granting.
    const permissions =
      known === -1 ? [...role.permissions, permission] : role.permissions.with(known, permission);
    permissions.sort((a, b) => compareBytes(a.key, b.key));
    this.#roles.set(name, { name, permissions });
    this.#changed();
  }

  #revokePermission(command: AccessCommand & { action: "revoke-permission" }): void {
    this.role(command.role);
    const role = this.#roles.get(command.role) as Role;
    const permissions = role.permissions.filter((one) => !sameRange(one, command));
    if (permissions.length === role.permissions.length)
      throw new KvError("PERMISSION_NOT_GRANTED", `role ${role.name} does not have this permission`);
    this.#roles.set(role.name, { ...role, permissions });
    this.#changed();
  }

  /** @throws KvError: nobody could undo it */
  #notWhileEnabled(): void {
    if (this.#enabled) throw new KvError("INVALID_AUTH_MGMT", "root is needed");
  }

  #requireOp(caller: Caller, op: Op, leaseKeys: LeaseKeys): void {
    switch (op.type) {
      case "range":
        return this.requireRead(caller, op);
      case "put":
        this.requireWrite(caller, { key: op.key });
        // Whoever may not revoke a lease, for it owns keys of others, must not hang keys on it either.
        if (op.lease !== 0n) this.requireWriteOfKeys(caller, leaseKeys(op.lease));
        if (op.prevKv) this.requireRead(caller, { key: op.key });
        return;
      case "delete":
        this.requireWrite(caller, op);
        if (op.prevKv) this.requireRead(caller, op);
        return;
      case "txn":
        return this.requireTxn(caller, op, leaseKeys);
      default:
        return unreachable(op);
    }
  }

  #require({ user: name, revision }: Caller, right: keyof Rights, range: KeyRange): void {
    if (!this.#enabled) return;
    if (name === "") throw userEmpty();
    if (revision < this.#revision) throw new KvError("AUTH_OLD_REVISION", "the token is of an earlier time");
    const user = this.#users.get(name);
    if (user === undefined) throw denied(name);
    if (user.roles.includes(root)) return;
    if (!this.#rightsOf(user)[right].covers(range)) throw denied(name);
  }

  #rightsOf(user: User): Rights {
    let rights = this.#rights.get(user.name);
    if (rights === undefined) {
      const permissions = user.roles.flatMap((role) => this.#roles.get(role)?.permissions ?? []);
      rights = {
        read: new KeyRanges(permissions.filter(({ type }) => type !== "write")),
        write: new KeyRanges(permissions.filter(({ type }) => type !== "read")),
      };
      this.#rights.set(user.name, rights);
    }
    return rights;
  }

  #changed(): void {
    this.#revision++;
    this.#rights.clear();
  }
}

type RangeOfKeys = { readonly key: Uint8Array; readonly rangeEnd: Uint8Array };

function sameRange(a: RangeOfKeys, b: RangeOfKeys): boolean {
  return compareBytes(a.key, b.key) === 0 && compareBytes(a.rangeEnd, b.rangeEnd) === 0;
}

function userEmpty(): KvError {
  return new KvError("USER_EMPTY", "etcdserver: user name is empty");
}

function denied(user: string): KvError {
  return new KvError("PERMISSION_DENIED", `user ${user} may not do this`);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
