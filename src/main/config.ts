import type { AdmissionSelection } from "../admission/index.ts";
import type {
  AuthorizationMode,
  OidcOptions,
  WebhookAuthorizerOptions,
  WebhookTokenOptions,
} from "../auth/index.ts";
import type { Address } from "../member/index.ts";
import type { AutoCompactionPolicy } from "../replica/index.ts";
import type { AuditConfig } from "./access/audit.ts";

interface InitialMember {
  readonly name: string;
  /** `http://` or `https://` with host and port. */
  readonly peerUrls: readonly string[];
}

/** A member of the store. */
export interface MemberStore {
  readonly peer: Address;
  /** What the other members dial; empty for a cluster of one. */
  readonly advertisePeerUrls: readonly string[];
  readonly client: Address;
  /** What the member list tells etcd clients; where it listens when empty. */
  readonly advertiseClientUrls: readonly string[];
  readonly initialCluster: readonly InitialMember[];
  readonly initialClusterToken: string;
  /** "existing": a running cluster has added this member. "new" when left out. */
  readonly initialClusterState?: "new" | "existing";
  readonly heartbeatMs: number;
  readonly electionMs: number;
  /** Entries applied between two snapshots. */
  readonly snapshotCount: number;
  /** Bytes of data from which on puts are refused; etcd's 2 GiB when left out, no bound where Infinity. */
  readonly quotaBytes?: number;
  /** Absent: only who asks for it compacts. */
  readonly autoCompaction?: AutoCompactionPolicy;
  /** Plain sockets instead of mutual TLS, for both peers and clients: for tests on loopback. */
  readonly plain: boolean;
}

/** An etcd cluster elsewhere. */
export interface ExternalStore {
  /** `https://host:port` of its members. */
  readonly servers: readonly string[];
  /** PEM files: who signed the members' certificates (the system's authorities where left out), and who we are. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Milliseconds of history that is kept; 0: nothing is compacted from here. */
  readonly compactionIntervalMs: number;
}

/** Whether a version, a resource or a family of versions is to be served. */
export interface ServedSwitch {
  /** `apps/v1`, `apps/v1/deployments`, `api/all`. */
  readonly key: string;
  readonly on: boolean;
}

/** The resource API and what stands on it. */
export interface ApiConfig {
  readonly name: string;
  readonly api: Address;
  /** TLS 1.2 when left out. */
  readonly tlsMinVersion?: "TLSv1.2" | "TLSv1.3";
  /** Where others find the API, for the endpoints of the Service `kubernetes`: where it listens, if anybody else can reach that, when left out. */
  readonly advertise?: string | "nowhere";
  /** Prefix of the resource API's keys in the store. */
  readonly etcdPrefix: string;
  readonly serviceClusterIpRange: string;
  /** Ports that Services may have on nodes; 30000 to 32767 when left out. */
  readonly serviceNodePortRange?: { readonly from: number; readonly to: number };
  /** How long Events stay; an hour when left out. */
  readonly eventTtlSeconds?: number;
  readonly podCidr: string;
  /** Loopback addresses that pods of this machine have; endpoints may be there. Nowhere on loopback when left out. */
  readonly localPodCidr?: string;
  /** Who changes an object that the watch cache shares meets an error: upstream's KUBE_CACHE_MUTATION_DETECTOR. */
  readonly frozenObjects?: boolean;
  /** Which controllers run: `*`, `name`, `-name`, separated by commas. */
  readonly controllers: string;
  /** Milliseconds without a heartbeat until a node counts as lost. */
  readonly nodeMonitorGraceMs: number;
  /** Finished pods from which on the oldest are deleted; 0: none is. */
  readonly terminatedPodThreshold: number;
  /** `standardAccess` when left out. */
  readonly access?: AccessConfig;
  /** Which admission plugins look at writes; `standardAdmission` when left out. */
  readonly admission?: AdmissionSelection;
  /** Requests answered at the same time; upstream's defaults when left out. */
  readonly inFlight?: { readonly reads: number; readonly writes: number };
  /** A watch that does not say how long it is open ends after this, up to twice this; upstream's default when left out. */
  readonly watchSeconds?: number;
  /** What has to be served, and what not; whatever is served where left out. */
  readonly runtimeConfig?: readonly ServedSwitch[];
  /** What some of them are configured by. */
  readonly admissionConfigFile?: string;
  /** Says which resources are encrypted in the store, and how; none when left out. */
  readonly encryptionProviderConfigFile?: string;
  /** The record of who did what; none is kept when left out. */
  readonly audit?: AuditConfig;
  /** What a new cluster begins with, made by the build; made one by one when left out. */
  readonly seedFile?: string;
  /** Hollow nodes run in this process. */
  readonly hollowNodes: number;
}

/** One member with all its roles. Flags fill it (`cli`), tests write it. */
export interface ServerConfig extends ApiConfig {
  readonly dataDir: string;
  readonly certsDir: string;
  /** Names and addresses the certificates are valid for, besides loopback. */
  readonly hosts: readonly string[];
  /** A member in this process, or an etcd cluster that others run. */
  readonly store: MemberStore | ExternalStore;
}

/** Who may enter; named as kube-apiserver's flags. */
export interface AccessConfig {
  /** Lines of `token,user,uid,"group,…"`. */
  readonly tokenAuthFile?: string;
  /** Whether who shows nothing is `system:anonymous`, or refused. */
  readonly anonymousAuth: boolean;
  /** Whether Secrets of type bootstrap.kubernetes.io/token let their bearers in. */
  readonly enableBootstrapTokenAuth: boolean;
  /** The first is in new tokens; those of the others are good too. */
  readonly serviceAccountIssuers: readonly [string, ...string[]];
  /** Whom tokens are for; the first issuer where empty. */
  readonly apiAudiences: readonly string[];
  /** The key in the directory of certificates where left out. */
  readonly serviceAccountSigningKeyFile?: string;
  /** More keys whose tokens are good: of before a change of keys, or of another member. */
  readonly serviceAccountKeyFiles: readonly string[];
  /** Whose tokens are good besides this cluster's own. */
  readonly oidc?: OidcConfig;
  /** Who is asked about tokens that nobody here knows. */
  readonly tokenWebhook?: TokenWebhookConfig;
  /** What decides who may do what, in this order; Node and RBAC when left out. */
  readonly authorizationModes?: readonly (AuthorizationMode | AuthorizationWebhook)[];
  /** Says it in place of `authorizationModes`. */
  readonly authorizationConfigFile?: string;
  /** Policies for the mode ABAC. */
  readonly authorizationPolicyFile?: string;
  /** Longest life of a ServiceAccount's token, in seconds; as long as is asked for when left out. */
  readonly serviceAccountTokenSecondsMax?: number;
}

/** Somebody elsewhere who decides. */
export interface AuthorizationWebhook extends WebhookAuthorizerOptions {
  /** Says in a kubeconfig where they are. */
  readonly kubeconfigFile: string;
  readonly timeoutMs: number;
  /** CEL: only about requests for which all hold they are asked. */
  readonly matchConditions: readonly string[];
  /** Of the conditions, for errors. */
  readonly path: string;
}

interface TokenWebhookConfig extends WebhookTokenOptions {
  /** Says in a kubeconfig where it is. */
  readonly configFile: string;
}

/** A provider of OpenID Connect. */
interface OidcConfig extends OidcOptions {
  /** Who signed its server's certificate; the system's authorities when left out. */
  readonly caFile?: string;
}

export const standardAccess: AccessConfig = {
  anonymousAuth: true,
  enableBootstrapTokenAuth: false,
  serviceAccountIssuers: ["https://kubernetes.default.svc.cluster.local"],
  apiAudiences: [],
  serviceAccountKeyFiles: [],
};
