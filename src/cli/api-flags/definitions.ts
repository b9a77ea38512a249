/**
 * Flags that `raftsman serve`, `raftsman up` and bin/kube-apiserver share: kube-apiserver's, with its defaults, in the order in which they are
 * shown. What they ask for is read by the other files of this folder.
 */
import { type Flag, honoured } from "../flag-table.ts";

export interface ApiFlag extends Flag {
  /** What stands for its value in the help; undefined for a switch. */
  readonly value: string | undefined;
  readonly help: string;
  readonly group: "Authentication" | "Authorization" | "Admission" | "Limits" | "Storage" | "Audit";
  /** Given again for each value, rather than with commas. */
  readonly repeated: boolean;
}

type Kind = Flag["kind"];

/** A flag whose value is a file. */
export const file = "<file>";

function flagsOf(
  group: ApiFlag["group"],
  rows: Readonly<Record<string, readonly [kind: Kind, standard: string, value: string, help: string]>>,
  repeated: readonly string[] = [],
): [string, ApiFlag][] {
  return Object.entries(rows).map(([name, [kind, standard, value, help]]) => [
    name,
    {
      ...honoured(kind, standard),
      group,
      help,
      value: kind === "boolean" ? undefined : value,
      repeated: repeated.includes(name),
    },
  ]);
}

export const apiFlags: ReadonlyMap<string, ApiFlag> = new Map([
  ...flagsOf(
    "Authentication",
    {
      "token-auth-file": ["text", "", file, 'bearer tokens, in lines of token,user,uid,"group1,group2"'],
      "anonymous-auth": ["boolean", "true", "", "let requests without credentials on as system:anonymous"],
      "enable-bootstrap-token-auth": [
        "boolean",
        "false",
        "",
        "let the bearers of bootstrap tokens (Secrets in kube-system) in, as kubeadm and new nodes use them",
      ],
      "service-account-issuer": [
        "text",
        "",
        "<url>",
        "issuer of ServiceAccount tokens; repeat it for those whose tokens are still good",
      ],
      "api-audiences": ["list", "", "<list>", "whom tokens are for (the issuer by default)"],
      "service-account-signing-key-file": ["text", "", file, "private key that signs ServiceAccount tokens"],
      "service-account-key-file": [
        "text",
        "",
        file,
        "keys, public or private, whose ServiceAccount tokens are good; may be repeated",
      ],
      "service-account-max-token-expiration": [
        "duration",
        "0s",
        "<duration>",
        "longest life of a ServiceAccount's token (as long as is asked for by default)",
      ],
      "oidc-issuer-url": [
        "text",
        "",
        "<url>",
        "OpenID Connect provider whose tokens are good; the other --oidc-* say how they are read",
      ],
      "oidc-client-id": ["text", "", "<id>", "whom its tokens must be for"],
      "oidc-ca-file": ["text", "", file, "who signed its certificate (the system's authorities by default)"],
      "oidc-username-claim": ["text", "sub", "<claim>", "where its tokens have the user's name"],
      "oidc-username-prefix": [
        "text",
        "",
        "<prefix>",
        "before each name; - for none (ISSUER# by default, but for the claim email)",
      ],
      "oidc-groups-claim": ["text", "", "<claim>", "where its tokens have the user's groups"],
      "oidc-groups-prefix": ["text", "", "<prefix>", "before each group"],
      "oidc-required-claim": ["list", "", "<key=value>", "what its tokens must say besides"],
      "oidc-signing-algs": ["list", "RS256", "<list>", "how its tokens may be signed"],
      "authentication-token-webhook-config-file": [
        "text",
        "",
        file,
        "kubeconfig of a server that is asked about tokens that nobody here knows",
      ],
      "authentication-token-webhook-version": [
        "text",
        "v1beta1",
        "<version>",
        "of the TokenReviews that it gets",
      ],
      "authentication-token-webhook-cache-ttl": [
        "duration",
        "2m0s",
        "<duration>",
        "how long its answers are remembered",
      ],
      "requestheader-client-ca-file": [
        "text",
        "",
        file,
        "who signs certificates of proxies that say in headers who asks",
      ],
      "requestheader-allowed-names": ["list", "", "<list>", "common names of such certificates"],
      "requestheader-username-headers": ["list", "", "<list>", "where they name the user"],
      "requestheader-uid-headers": ["list", "", "<list>", "where they have the user's uid"],
      "requestheader-group-headers": ["list", "", "<list>", "where they name groups"],
      "requestheader-extra-headers-prefix": ["list", "", "<list>", "what headers of other facts begin with"],
    },
    ["service-account-issuer", "service-account-key-file"],
  ),
  ...flagsOf("Authorization", {
    "authorization-mode": [
      "list",
      "AlwaysAllow",
      "<list>",
      "who decides who may do what, in this order: Node, RBAC, ABAC, AlwaysAllow, AlwaysDeny, Webhook",
    ],
    "authorization-policy-file": ["text", "", file, "policies of ABAC, in lines of JSON"],
    "authorization-config": [
      "text",
      "",
      file,
      "says it in a file, with several webhooks and their conditions",
    ],
    "authorization-webhook-config-file": ["text", "", file, "kubeconfig of the server that Webhook asks"],
    "authorization-webhook-version": [
      "text",
      "v1beta1",
      "<version>",
      "of the SubjectAccessReviews that it gets",
    ],
    "authorization-webhook-cache-authorized-ttl": [
      "duration",
      "5m0s",
      "<duration>",
      "how long what it allows is remembered",
    ],
    "authorization-webhook-cache-unauthorized-ttl": [
      "duration",
      "30s",
      "<duration>",
      "and what it does not allow",
    ],
  }),
  ...flagsOf("Admission", {
    "enable-admission-plugins": ["list", "", "<list>", "that look at writes besides the usual ones"],
    "disable-admission-plugins": ["list", "", "<list>", "that do not"],
    "admission-control-config-file": ["text", "", file, "how some of them are configured"],
    "default-not-ready-toleration-seconds": [
      "number",
      "300",
      "<seconds>",
      "that pods stay on a node that is not ready, where they do not say",
    ],
    "default-unreachable-toleration-seconds": [
      "number",
      "300",
      "<seconds>",
      "and on one that is not reached",
    ],
  }),
  ...flagsOf("Limits", {
    "max-requests-inflight": ["number", "400", "<n>", "reads answered at the same time; 0: no limit"],
    "max-mutating-requests-inflight": [
      "number",
      "200",
      "<n>",
      "writes answered at the same time; 0: no limit",
    ],
    "event-ttl": ["duration", "1h0m0s", "<duration>", "how long Events stay"],
    "service-node-port-range": ["text", "30000-32767", "<from-to>", "ports that Services may have on nodes"],
  }),
  ...flagsOf("Storage", {
    "encryption-provider-config": ["text", "", file, "which resources are encrypted in the store, and how"],
  }),
  ...flagsOf("Audit", {
    "audit-policy-file": ["text", "", file, "what is told of whose requests; without it nothing is"],
    "audit-log-path": ["text", "", file, "where it is written, a line each; - for standard output"],
    "audit-log-maxsize": ["number", "0", "<megabytes>", "from which on another file is begun; 0: 100"],
    "audit-log-maxbackup": ["number", "0", "<n>", "former files that are kept; 0: all"],
    "audit-log-maxage": ["number", "0", "<days>", "that they are kept; 0: for ever"],
    "audit-log-format": ["text", "json", "<format>", "of the lines"],
    "audit-log-mode": ["text", "blocking", "<mode>", "blocking or batch"],
    "audit-log-version": ["text", "audit.k8s.io/v1", "<version>", "of the lines"],
    "audit-webhook-config-file": ["text", "", file, "kubeconfig of a server that takes what is told"],
    "audit-webhook-mode": ["text", "batch", "<mode>", "how it is sent"],
    "audit-webhook-version": ["text", "audit.k8s.io/v1", "<version>", "of what is sent"],
    "audit-webhook-initial-backoff": ["duration", "10s", "<duration>", "before it is tried again"],
    "audit-webhook-batch-buffer-size": ["number", "10000", "<n>", "events that wait at most"],
    "audit-webhook-batch-max-size": ["number", "400", "<n>", "events sent at once at most"],
    "audit-webhook-batch-max-wait": ["duration", "30s", "<duration>", "until fewer are sent"],
    "audit-webhook-batch-throttle-enable": [
      "boolean",
      "true",
      "",
      "keep to --audit-webhook-batch-throttle-qps",
    ],
    "audit-webhook-batch-throttle-qps": ["text", "10", "<n>", "requests a second at most"],
  }),
]);
