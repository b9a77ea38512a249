import {
  type AbacPolicies,
  type Authenticator,
  type AuthorizationMode,
  type Authorizer,
  bootstrapTokens,
  createAuthenticator,
  createAuthorizer,
  createGrantCheck,
  createNodeAuthorizer,
  createTokenIssuer,
  nodeOf,
  type ObjectReader,
  type PolicyRule,
  RbacPolicy,
  type RequestHeaderTrust,
  type SigningKey,
  type StaticToken,
  serviceAccountTokens,
  staticTokens,
  type TokenAuthenticator,
  type VerificationKey,
} from "../../auth/index.ts";
import type { Clock, Random } from "../../platform/index.ts";
import type { Access, Registry } from "../../registry/index.ts";
import { registryReader } from "../admission-reader.ts";
import type { ServerLog } from "../log.ts";
import { noteTokenUse } from "./legacy-token-use.ts";
import { NodePods } from "./node-pods.ts";
import { feedPolicy, type PolicyFeed } from "./policy-feed.ts";

/** Of tokens for ServiceAccounts; named as kube-apiserver's flags. */
export interface ServiceAccountKeys {
  /** `--service-account-issuer`: the first is in new tokens, the others are good too. */
  readonly issuers: readonly [string, ...string[]];
  /** `--api-audiences`; the first issuer where empty. */
  readonly audiences: readonly string[];
  /** `--service-account-max-token-expiration`, in seconds; as long as is asked for when left out. */
  readonly secondsMax?: number | undefined;
  /** `--service-account-signing-key-file` */
  readonly signing: SigningKey;
  /** `--service-account-key-file`: who may have signed. The signing key's public part belongs to them. */
  readonly verification: readonly VerificationKey[];
}

export interface AccessOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ServerLog;
  readonly serviceAccounts: ServiceAccountKeys;
  /** `--token-auth-file` */
  readonly tokens?: readonly StaticToken[];
  /** `--requestheader-*`: whom proxies with a certificate of their own may speak for. */
  readonly requestHeader?: RequestHeaderTrust | undefined;
  /** `--client-ca-file` */
  readonly clientCa?: string | undefined;
  /** Further kinds of tokens, for the audiences of this server. */
  readonly otherTokens?: (audiences: readonly string[]) => readonly TokenAuthenticator[];
  /** `--anonymous-auth`, true by default */
  readonly anonymousAuth?: boolean;
  /** `--enable-bootstrap-token-auth`, false by default */
  readonly bootstrapTokenAuth?: boolean;
  /** `--authorization-mode`, Node and RBAC by default */
  readonly authorizationModes?: readonly (AuthorizationMode | Authorizer)[] | undefined;
  /** `--authorization-policy-file`, for the mode ABAC. */
  readonly abac?: AbacPolicies | undefined;
}

/** Who asks and what they may do. It decides by objects of the registry, which in turn asks it before it stores some of them. */
export interface AccessControl {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly forRegistry: Access;
  readonly keys: ServiceAccountKeys;
  /** `--client-ca-file` and `--requestheader-client-ca-file` have other texts now. @throws Error where one cannot be read */
  trust(authorities: Pick<AccessOptions, "requestHeader" | "clientCa">): void;
  /** Begins to decide by what the registry holds. Before, only system:masters may do anything. */
  follow(registry: Registry): PolicyFeed;
}

export function createAccessControl(options: AccessOptions): AccessControl {
  const { clock, random, log, tokens = [], anonymousAuth = true, bootstrapTokenAuth = false } = options;
  const keys = withAudiences(options.serviceAccounts);
  const { issuers, audiences, signing, verification } = keys;
  let objects: ObjectReader | undefined;
  const reader: ObjectReader = { get: async (resource, at) => objects?.get(resource, at) };
  const policy = new RbacPolicy();
  let pods: NodePods | undefined;
  let served: Registry | undefined;
  const nodes = createNodeAuthorizer({
    ...reader,
    podsOn: async (node) => (await pods?.on(node)) ?? [],
    rules: nodeRules,
  });
  const asksElsewhere = options.authorizationModes?.some((mode) => typeof mode !== "string") === true;
  const authorizer = createAuthorizer({
    ...(options.authorizationModes && { modes: options.authorizationModes }),
    rbac: policy,
    nodes,
    abac: options.abac,
  });
  const authenticator = createAuthenticator({
    tokens: [
      ...(tokens.length === 0 ? [] : [staticTokens(tokens, audiences)]),
      serviceAccountTokens({
        ...{ issuers, audiences, keys: verification, reader, clock },
        onSecretUsed: async (secret) => {
          if (served !== undefined) await noteTokenUse(served, secret, { log, now: clock.now() });
        },
      }),
      ...(bootstrapTokenAuth ? [bootstrapTokens({ reader, clock, audiences })] : []),
      ...(options.otherTokens?.(audiences) ?? []),
    ],
    audiences,
    clock,
    anonymousAuth,
    requestHeader: options.requestHeader,
    clientCa: options.clientCa,
  });
  return {
    authenticator,
    authorizer,
    keys,
    forRegistry: {
      grants: createGrantCheck({ policy, authorizer }),
      authorizer,
      authenticator,
      issuer: createTokenIssuer({
        issuer: issuers[0],
        audiences,
        secondsMax: keys.secondsMax,
        key: signing,
        clock,
        random,
      }),
      rulesFor: (user, namespace) => ({
        ...withRules(policy.rulesFor(user, namespace), options.abac?.rulesFor(user, namespace) ?? []),
        incomplete: nodeOf(user) !== undefined || asksElsewhere,
      }),
    },
    trust: (authorities) => authenticator.trust(authorities),
    follow(registry) {
      served = registry;
      objects = registryReader(registry, clock);
      const deps = { registry, clock, log };
      const followed = new NodePods(deps);
      pods = followed;
      const feed = feedPolicy(policy, deps);
      return {
        synced: feed.synced,
        close() {
          feed.close();
          followed.close();
        },
      };
    },
  };
}

function withRules<T extends { readonly rules: readonly PolicyRule[] }>(
  of: T,
  more: readonly PolicyRule[],
): T {
  return more.length === 0 ? of : { ...of, rules: [...of.rules, ...more] };
}

function withAudiences(keys: ServiceAccountKeys): ServiceAccountKeys {
  return { ...keys, audiences: keys.audiences.length === 0 ? [keys.issuers[0]] : keys.audiences };
}

/** Of the role system:node, as a fresh server has it: what somebody adds to the role counts for those whom they bind it to. */
async function nodeRules(): Promise<readonly PolicyRule[]> {
  const { default: roles } = await import("../../../schemas/kubernetes/bootstrap-rbac.json", {
    with: { type: "json" },
  });
  return roles["clusterroles/system:node"].rules;
}
