/**
 * Who may use the kubelet's API. A client certificate of the cluster's authority or a bearer token says who asks, and the API server says
 * who a token is of and what its owner may do, as with the kubelet's webhook modes
 * (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/). What it said holds for a while.
 */
import type { KubeObject, UserInfo } from "../../apimachinery/index.ts";
import type { Client } from "../../client/index.ts";
import type { Clock, PeerCertificate } from "../../platform/index.ts";
import { HostError } from "./pod-host.ts";

/** kubelet's defaults (authentication.webhook.cacheTTL, authorization.webhook.cache…TTL). Milliseconds. */
const knownMs = 2 * 60_000;
const allowedMs = 5 * 60_000;
const forbiddenMs = 30_000;
/** Answers kept of each kind. */
const answersMax = 1_000;
/** Characters of a token that are looked at. */
const tokenCharsMax = 16_384;

/** What a request to the node shows and wants. */
export interface AgentRequest {
  readonly certificate: PeerCertificate | undefined;
  /** The Authorization header. */
  readonly authorization: string | undefined;
  readonly method: string;
  readonly path: string;
}

export class AgentAccess {
  readonly #client: Client;
  readonly #node: string;
  readonly #users: Answers<UserInfo | undefined>;
  readonly #decisions: Answers<boolean>;

  /** `node`: its name. */
  constructor({ client, clock, node }: { client: Client; clock: Clock; node: string }) {
    this.#client = client;
    this.#node = node;
    this.#users = new Answers(clock);
    this.#decisions = new Answers(clock);
  }

  /** @throws HostError 401, 403; StatusError where the API server cannot be asked */
  async check(request: AgentRequest): Promise<void> {
    const user = await this.#userOf(request);
    if (user === undefined) throw new HostError(401, "Unauthorized");
    // Whom every API server allows everything; and it is how the API server itself comes here.
    if (user.groups.includes("system:masters")) return;
    const verb = verbs[request.method] ?? "";
    const subresources = subresourcesOf(request.path);
    for (const subresource of subresources) if (await this.#allowed(user, verb, subresource)) return;
    const [first] = subresources;
    throw new HostError(
      403,
      `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource=${first})`,
    );
  }

  async #userOf({ certificate, authorization = "" }: AgentRequest): Promise<UserInfo | undefined> {
    if (certificate !== undefined)
      return { name: certificate.commonName, groups: [...certificate.organizations, "system:authenticated"] };
    const [, token] = /^bearer ([^ ]+)$/i.exec(authorization.slice(0, tokenCharsMax)) ?? [];
    if (token === undefined) return undefined;
    return this.#users.get(token, async () => {
      const review = await this.#create("authentication.k8s.io", "tokenreviews", { spec: { token } });
      const { authenticated, user } = review["status"] ?? {};
      const known =
        authenticated === true
          ? { ...user, name: user?.username ?? "", groups: user?.groups ?? [] }
          : undefined;
      return { answer: known, ms: known === undefined ? 0 : knownMs };
    });
  }

  #allowed(user: UserInfo, verb: string, subresource: string): Promise<boolean> {
    const { name, groups, uid, extra } = user;
    const resourceAttributes = { verb, version: "v1", resource: "nodes", subresource, name: this.#node };
    const spec = { user: name, groups, uid, extra, resourceAttributes };
    return this.#decisions.get(JSON.stringify(spec), async () => {
      const review = await this.#create("authorization.k8s.io", "subjectaccessreviews", { spec });
      const answer = review["status"]?.allowed === true;
      return { answer, ms: answer ? allowedMs : forbiddenMs };
    });
  }

  #create(group: string, resource: string, review: object): Promise<KubeObject> {
    return this.#client.create({ group, version: "v1", resource }, { metadata: {}, ...review });
  }
}

const verbs: Readonly<Record<string, string>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** Of `nodes`, any of which will do; all that has none of its own is the proxy's. */
function subresourcesOf(path: string): readonly string[] {
  const [, first = ""] = path.split("/");
  switch (first) {
    case "metrics":
    case "stats":
      return [first];
    case "pods":
      return ["pods", "proxy"];
    default:
      return ["proxy"];
  }
}

/** Answers that hold for a while, the oldest forgotten where there are too many. */
class Answers<T> {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly answer: T; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is known under the key; else what is asked for, kept for `ms`. */
  async get(key: string, ask: () => Promise<{ answer: T; ms: number }>): Promise<T> {
    const known = this.#kept.get(key);
    if (known !== undefined && known.untilMs > this.#clock.monotonic()) return known.answer;
    this.#kept.delete(key);
    const { answer, ms } = await ask();
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= answersMax && oldest !== undefined) this.#kept.delete(oldest);
    if (ms > 0) this.#kept.set(key, { answer, untilMs: this.#clock.monotonic() + ms });
    return answer;
  }
}
