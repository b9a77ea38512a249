import { nameIsDnsLabel, nameIsDnsSubdomain } from "../../apimachinery/index.ts";
import type { Library } from "../functions.ts";
import { fail, Opaque, type Result } from "../values.ts";

/** What an expression asks the authorizer about. */
export interface AuthorizationCheck {
  /** Another user than who makes the request: a service account. */
  readonly serviceAccount: { readonly namespace: string; readonly name: string } | undefined;
  readonly verb: string;
  /** A path that is no resource. */
  readonly path?: string;
  readonly resource?: {
    readonly group: string;
    readonly resource: string;
    readonly subresource: string;
    readonly namespace: string;
    readonly name: string;
    readonly fieldSelector: string;
    readonly labelSelector: string;
  };
}

export interface AuthorizationDecision {
  readonly allowed: boolean;
  readonly reason: string;
  /** Why no decision could be made; "" if it could. */
  readonly error?: string;
}

/** Decides at once: expressions do not wait. */
export type Authorize = (check: AuthorizationCheck) => AuthorizationDecision;

abstract class Part extends Opaque {
  override equals(other: Opaque): boolean {
    return other === this;
  }
}

/** The variable `authorizer`. */
export class AuthorizerValue extends Part {
  override readonly typeName = "kubernetes.authorization.Authorizer";
  readonly authorize: Authorize;
  readonly serviceAccount: AuthorizationCheck["serviceAccount"];
  constructor(authorize: Authorize, serviceAccount?: AuthorizationCheck["serviceAccount"]) {
    super();
    this.authorize = authorize;
    this.serviceAccount = serviceAccount;
  }
}

class PathCheck extends Part {
  override readonly typeName = "kubernetes.authorization.PathCheck";
  readonly authorizer: AuthorizerValue;
  readonly path: string;
  constructor(authorizer: AuthorizerValue, path: string) {
    super();
    this.authorizer = authorizer;
    this.path = path;
  }
}

class GroupCheck extends Part {
  override readonly typeName = "kubernetes.authorization.GroupCheck";
  readonly authorizer: AuthorizerValue;
  readonly group: string;
  constructor(authorizer: AuthorizerValue, group: string) {
    super();
    this.authorizer = authorizer;
    this.group = group;
  }
}

type ResourceParts = NonNullable<AuthorizationCheck["resource"]>;

/** The variable `authorizer.requestResource`, and what `group(…).resource(…)` makes. */
export class ResourceCheck extends Part {
  override readonly typeName = "kubernetes.authorization.ResourceCheck";
  readonly authorizer: AuthorizerValue;
  readonly parts: ResourceParts;
  constructor(authorizer: AuthorizerValue, parts: ResourceParts) {
    super();
    this.authorizer = authorizer;
    this.parts = parts;
  }
}

class Decision extends Part {
  override readonly typeName = "kubernetes.authorization.Decision";
  readonly decision: AuthorizationDecision;
  constructor(decision: AuthorizationDecision) {
    super();
    this.decision = decision;
  }
}

const name = (kind: string): string => `kubernetes.authorization.${kind}`;
const change =
  (field: keyof ResourceParts) =>
  (check: ResourceCheck, value: string): Result =>
    new ResourceCheck(check.authorizer, { ...check.parts, [field]: value });
const changes = (field: keyof ResourceParts): Library[string] => ({
  [`${name("ResourceCheck")}.(string) -> ${name("ResourceCheck")}`]: change(field),
});

const nothing = { subresource: "", namespace: "", name: "", fieldSelector: "", labelSelector: "" };

export const authorizerLibrary: Library = {
  path: {
    [`${name("Authorizer")}.(string) -> ${name("PathCheck")}`]: (
      authorizer: AuthorizerValue,
      path: string,
    ) => (path.trim() === "" ? fail("path must not be empty") : new PathCheck(authorizer, path)),
  },
  group: {
    [`${name("Authorizer")}.(string) -> ${name("GroupCheck")}`]: (
      authorizer: AuthorizerValue,
      group: string,
    ) => new GroupCheck(authorizer, group),
  },
  serviceAccount: {
    [`${name("Authorizer")}.(string, string) -> ${name("Authorizer")}`]: (
      authorizer: AuthorizerValue,
      namespace: string,
      account: string,
    ) => {
      if (nameIsDnsSubdomain(account, false).length > 0) return fail("Invalid service account name");
      if (nameIsDnsLabel(namespace, false).length > 0) return fail("Invalid service account namespace");
      return new AuthorizerValue(authorizer.authorize, { namespace, name: account });
    },
  },
  resource: {
    [`${name("GroupCheck")}.(string) -> ${name("ResourceCheck")}`]: (check: GroupCheck, resource: string) =>
      resource.trim() === ""
        ? fail("resource must not be empty")
        : new ResourceCheck(check.authorizer, { ...nothing, group: check.group, resource }),
  },
  subresource: changes("subresource"),
  namespace: changes("namespace"),
  name: changes("name"),
  fieldSelector: changes("fieldSelector"),
  labelSelector: changes("labelSelector"),
  check: {
    [`${name("PathCheck")}.(string) -> ${name("Decision")}`]: (
      { authorizer, path }: PathCheck,
      verb: string,
    ) => new Decision(authorizer.authorize({ serviceAccount: authorizer.serviceAccount, verb, path })),
    [`${name("ResourceCheck")}.(string) -> ${name("Decision")}`]: (
      { authorizer, parts }: ResourceCheck,
      verb: string,
    ) =>
      new Decision(
        authorizer.authorize({ serviceAccount: authorizer.serviceAccount, verb, resource: parts }),
      ),
  },
  errored: {
    [`${name("Decision")}.() -> bool`]: ({ decision }: Decision) => (decision.error ?? "") !== "",
  },
  error: { [`${name("Decision")}.() -> string`]: ({ decision }: Decision) => decision.error ?? "" },
  allowed: { [`${name("Decision")}.() -> bool`]: ({ decision }: Decision) => decision.allowed },
  reason: { [`${name("Decision")}.() -> string`]: ({ decision }: Decision) => decision.reason },
};
