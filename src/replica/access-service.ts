/**
 * Users and roles for clients. What changes goes through the log with the name of whoever asks, and is checked where it is applied; passwords
 * are hashed and compared before, off this thread.
 */
import {
  type AccessCommand,
  type Passwords,
  type Role,
  tokenTtlSecondsDefault,
  type User,
  type WebTokenOptions,
  type WebTokens,
} from "../access/index.ts";
import { type Caller, type Header, KvError, revisionOfNow } from "../kv/index.ts";
import type { Random } from "../platform/index.ts";
import type { Proposals } from "./proposals.ts";
import type { Reads } from "./reads.ts";
import type { StateMachine } from "./state-machine.ts";

export interface AccessOptions {
  /** Tokens that carry a signature; tokens that members remember when left out. */
  readonly webTokens?: WebTokenOptions;
  /** Seconds a remembered token is good for without being used; five minutes when left out. */
  readonly tokenTtlSeconds?: number;
  /** Work of hashing a password, as the logarithm that bcrypt calls its cost; 10 when left out. */
  readonly passwordCost?: number;
}

export function tokenTtlSecondsOf({ tokenTtlSeconds = 0 }: AccessOptions): number {
  return tokenTtlSeconds > 0 ? tokenTtlSeconds : tokenTtlSecondsDefault;
}

/** What a client shows of itself. */
export interface Credentials {
  readonly token: string | undefined;
  /** Of a certificate that was checked, where those count. */
  readonly commonName: string | undefined;
}

/** A change that a client asks for: with the password as it is. */
export type AccessRequest =
  | Exclude<AccessCommand, { readonly action: "add-user" | "change-password" | "authenticate" }>
  | {
      readonly action: "add-user";
      readonly user: string;
      readonly password: string;
      readonly noPassword: boolean;
    }
  | { readonly action: "change-password"; readonly user: string; readonly password: string };

const tokenLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const tokenLength = 16;
/** Users may change while a password is being compared; so often it is compared again. */
const attemptsMax = 10;

interface AccessServiceOptions {
  readonly random: Random;
  readonly state: StateMachine;
  readonly proposals: Proposals;
  readonly reads: Reads;
  readonly passwords: Passwords;
  readonly webTokens: WebTokens | undefined;
  readonly header: () => Header;
}

export class AccessService {
  readonly #options: AccessServiceOptions;

  constructor(options: AccessServiceOptions) {
    this.#options = options;
  }

  /** Whether clients have to say who they are. Cheap: every call asks. */
  get enabled(): boolean {
    return this.#options.state.access.enabled;
  }

  /** Who shows this. A token goes before a certificate. @throws KvError INVALID_AUTH_TOKEN */
  callerOf({ token, commonName = "" }: Credentials): Caller {
    if (token === undefined) return { user: commonName, revision: revisionOfNow };
    const { webTokens, state } = this.#options;
    if (webTokens !== undefined) {
      const caller = webTokens.read(token);
      if (caller === undefined) throw invalidToken();
      return caller;
    }
    const user = state.tokens.use(token);
    if (user === undefined) throw invalidToken();
    return { user, revision: revisionOfNow };
  }

  /** Resolves when this member knows the token, if it ever will: another one may have made it a moment ago. Undefined: it does, or never will. */
  tokenArrives(token: string): Promise<void> | undefined {
    const { state, reads, webTokens } = this.#options;
    const index = Number(/^[A-Za-z]{1,64}\.(\d{1,15})$/.exec(token)?.[1]);
    if (webTokens !== undefined || Number.isNaN(index) || index <= state.applied.index) return undefined;
    return reads.confirm();
  }

  /** @throws KvError */
  requireUser(caller: Caller): void {
    this.#options.state.access.requireUser(caller);
  }

  /** @throws KvError */
  requireAdmin(caller: Caller): void {
    this.#options.state.access.requireAdmin(caller);
  }

  /** A token for whoever knows the password. @throws KvError AUTH_NOT_ENABLED, AUTH_FAILED, NO_PASSWORD_USER */
  async authenticate(name: string, password: string): Promise<{ header: Header; token: string }> {
    const { state, proposals, reads, passwords, webTokens } = this.#options;
    await reads.confirm();
    for (let attempt = 1; ; attempt++) {
      const { revision } = state.access;
      const user = this.#userToAuthenticate(name);
      if (!(await passwords.matches(password, user.passwordHash)))
        throw new KvError("AUTH_FAILED", `wrong password of user ${name}`);
      const token = webTokens ? webTokens.make({ user: name, revision }) : this.#freshToken();
      try {
        const outcome = await proposals.propose({
          type: "access",
          change: { action: "authenticate", user: name, token: webTokens ? "" : token, revision },
        });
        return { header: { ...this.#options.header(), revision: outcome.revision }, token };
      } catch (error) {
        const changed = error instanceof KvError && error.code === "AUTH_OLD_REVISION";
        if (!changed || attempt >= attemptsMax) throw error;
      }
    }
  }

  /** @throws KvError: a refusal */
  async change(request: AccessRequest, caller: Caller): Promise<Header> {
    const { proposals } = this.#options;
    const outcome = await proposals.propose({
      type: "access",
      change: await this.#commandOf(request),
      caller,
    });
    return { ...this.#options.header(), revision: outcome.revision };
  }

  async status(caller: Caller): Promise<{ header: Header; enabled: boolean; revision: number }> {
    const { enabled, revision } = await this.#read((access) => {
      access.requireAdmin(caller);
      return access;
    });
    return { header: this.#options.header(), enabled, revision };
  }

  async user(name: string, caller: Caller): Promise<{ header: Header; user: User }> {
    const user = await this.#read((access) => {
      access.requireAdminOrSelf(caller, name);
      return access.user(name);
    });
    return { header: this.#options.header(), user };
  }

  async users(caller: Caller): Promise<{ header: Header; names: readonly string[] }> {
    const names = await this.#read((access) => {
      access.requireAdmin(caller);
      return access.userNames;
    });
    return { header: this.#options.header(), names };
  }

  async role(name: string, caller: Caller): Promise<{ header: Header; role: Role }> {
    const role = await this.#read((access) => {
      access.requireAdminOrRole(caller, name);
      return access.role(name);
    });
    return { header: this.#options.header(), role };
  }

  async roles(caller: Caller): Promise<{ header: Header; names: readonly string[] }> {
    const names = await this.#read((access) => {
      access.requireAdmin(caller);
      return access.roleNames;
    });
    return { header: this.#options.header(), names };
  }

  async #read<T>(look: (access: StateMachine["access"]) => T): Promise<T> {
    await this.#options.reads.confirm();
    return look(this.#options.state.access);
  }

  #userToAuthenticate(name: string): User {
    const { access } = this.#options.state;
    if (!access.enabled) throw new KvError("AUTH_NOT_ENABLED", "nobody has to say who they are");
    const user = access.userNames.includes(name) ? access.user(name) : undefined;
    if (user === undefined) throw new KvError("AUTH_FAILED", `there is no user ${name}`);
    if (user.noPassword) throw new KvError("NO_PASSWORD_USER", `user ${name} has no password`);
    return user;
  }

  async #commandOf(request: AccessRequest): Promise<AccessCommand> {
    if (request.action !== "add-user" && request.action !== "change-password") return request;
    const { password, ...rest } = request;
    const hashed = rest.action === "change-password" || !rest.noPassword;
    return { ...rest, passwordHash: hashed ? await this.#options.passwords.hash(password) : "" };
  }

  /** As etcd's: letters, and the index where it may be known. */
  #freshToken(): string {
    let token = "";
    while (token.length < tokenLength) {
      for (const byte of this.#options.random.bytes(tokenLength)) {
        // Greater bytes would favour the first letters.
        if (byte >= 256 - (256 % tokenLetters.length)) continue;
        token += tokenLetters[byte % tokenLetters.length];
      }
    }
    return `${token.slice(0, tokenLength)}.${this.#options.state.applied.index + 1}`;
  }
}

function invalidToken(): KvError {
  return new KvError("INVALID_AUTH_TOKEN", "etcdserver: invalid auth token");
}
