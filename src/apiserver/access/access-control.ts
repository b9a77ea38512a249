import {
  type Authenticator,
  type Authorizer,
  createAuthenticator,
  createAuthorizer,
  createGrantCheck,
  RbacPolicy,
  type StaticToken,
} from "../../auth/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { Access, Registry } from "../../registry/index.ts";
import type { ServerLog } from "../log.ts";
import { feedPolicy, type PolicyFeed } from "./policy-feed.ts";

export interface AccessOptions {
  readonly clock: Clock;
  readonly log: ServerLog;
  /** `--token-auth-file` */
  readonly tokens?: readonly StaticToken[];
}

/** Who asks and what they may do. It decides by objects of the registry, which in turn asks it before it stores some of them. */
export interface AccessControl {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly forRegistry: Access;
  /** Begins to decide by what the registry holds. Before, only system:masters may do anything. */
  follow(registry: Registry): PolicyFeed;
}

export function createAccessControl({ clock, log, tokens = [] }: AccessOptions): AccessControl {
  const policy = new RbacPolicy();
  const authorizer = createAuthorizer({ rbac: policy });
  return {
    authenticator: createAuthenticator({ tokens }),
    authorizer,
    forRegistry: { grants: createGrantCheck({ policy, authorizer }) },
    follow: (registry) => feedPolicy(policy, { registry, clock, log }),
  };
}
