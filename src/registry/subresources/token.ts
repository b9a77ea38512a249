import {
  errors,
  type FieldError,
  field,
  formatTime,
  type GroupVersionResource,
  type KubeObject,
} from "../../apimachinery/index.ts";
import { formOfKind, type ResourceInfo } from "../../schema/index.ts";
import type { RequestContext } from "../context.ts";
import { objectKey } from "../keys.ts";
import type { Access, CreateOptions, ResourceHandler, Verb } from "../ports.ts";
import type { GenericStore } from "../store.ts";
import type { Strategy, UpdateRules } from "../strategy.ts";

const tokenKind = { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" };
const secondsMin = 600;
const secondsMax = 2 ** 32;
/** What pods ask for by default; with that they get a year, and a warning is due when it has passed. */
const warnOnlySeconds = 3607;
const extendedSeconds = 365 * 24 * 60 * 60;

interface TokenRequest extends KubeObject {
  spec: {
    audiences?: readonly string[] | null;
    expirationSeconds: number;
    boundObjectRef?: BoundReference | null;
  };
}

interface BoundReference {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly name?: string;
  readonly uid?: string;
}

/** What a token ends with. */
interface Bound {
  readonly pod?: KubeObject;
  readonly secret?: KubeObject;
  readonly node?: KubeObject;
}

/** POST serviceaccounts/NAME/token: a token of the account (`kubectl create token`). pkg/registry/core/serviceaccount token.go. */
export class TokenStore implements ResourceHandler {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource = "token";
  readonly form = formOfKind(tokenKind);
  readonly kind = this.form.kind;
  readonly namespaced = true;
  readonly verbs: readonly Verb[] = ["create"];
  readonly strategy: Strategy = { namespaced: true };
  readonly rules: UpdateRules = {};
  readonly #accounts: GenericStore;
  readonly #access: Access;
  readonly #storeOf: (resource: string) => GenericStore | undefined;

  /** `storeOf`: the store of another resource of the core group. */
  constructor(
    accounts: GenericStore,
    deps: { access: Access; storeOf: (resource: string) => GenericStore | undefined },
  ) {
    this.#accounts = accounts;
    this.#access = deps.access;
    this.#storeOf = deps.storeOf;
    this.resource = accounts.resource;
    this.info = accounts.info;
  }

  async createNamed(
    name: string,
    object: KubeObject,
    context: RequestContext,
    options: CreateOptions,
  ): Promise<KubeObject> {
    const request = object as TokenRequest;
    this.#checkTarget(request, name, context);
    const account = await this.#accounts.get(name, context);
    const { issuer } = this.#access;
    const settled = settle(request, account.object, { audiences: issuer.audiences, now: context.now });
    const problems = validate(settled);
    if (problems.length > 0) throw errors.invalid(tokenKind, "", problems);
    await options.validate?.(settled, undefined);
    const bound = await this.#bound(settled.spec.boundObjectRef ?? undefined, name, context);
    shorten(settled, issuer.secondsMax, context);
    const { expirationSeconds } = settled.spec;
    const audiences = settled.spec.audiences ?? [];
    const extended =
      bound.pod !== undefined &&
      expirationSeconds === warnOnlySeconds &&
      audiences.every((audience) => issuer.audiences.includes(audience));
    const { token, id } = issuer.issue({
      account: account.object,
      ...bound,
      audiences,
      expirationSeconds: extended ? extendedSeconds : expirationSeconds,
      ...(extended ? { warnAfterSeconds: expirationSeconds } : {}),
    });
    context.annotate?.("authentication.kubernetes.io/issued-credential-id", `JTI=${id}`);
    const expirationTimestamp = formatTime(context.now + expirationSeconds * 1000);
    return { ...settled, status: { token, expirationTimestamp } };
  }

  #checkTarget({ metadata }: TokenRequest, name: string, { namespace }: RequestContext): void {
    const mismatch = (part: string, value: string, what: string): never => {
      const rule = `must match the service account ${what} if specified`;
      throw errors.invalid(tokenKind, name, [field.invalid(`metadata.${part}`, value, rule)]);
    };
    if (metadata.name && metadata.name !== name) mismatch("name", metadata.name, "name");
    if (metadata.namespace && metadata.namespace !== namespace)
      mismatch("namespace", metadata.namespace, "namespace");
  }

  /** @throws StatusError NotFound, BadRequest, Conflict */
  async #bound(
    reference: BoundReference | undefined,
    account: string,
    context: RequestContext,
  ): Promise<Bound> {
    if (reference === undefined) return {};
    const { kind = "", apiVersion = "", name = "", uid = "" } = reference;
    const [group, version] = apiVersion.includes("/") ? apiVersion.split("/", 2) : ["", apiVersion];
    const resource = group === "" ? { Pod: "pods", Node: "nodes", Secret: "secrets" }[kind] : undefined;
    const store = resource === undefined ? undefined : this.#storeOf(resource);
    if (store === undefined)
      throw errors.badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
    const { object } = await store.get(name, context);
    if (kind === "Pod" && object["spec"]?.serviceAccountName !== account) {
      throw errors.badRequest(
        `cannot bind token for serviceaccount ${field.quoteGo(account)} to pod running with different serviceaccount name.`,
      );
    }
    if (uid !== "" && uid !== object.metadata.uid) {
      const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
      throw errors.conflict({ group: "", resource: kind }, name, why);
    }
    if (kind === "Node") return { node: object };
    if (kind === "Secret") return { secret: object };
    const node = await this.#nodeOf(object);
    return { pod: object, ...(node === undefined ? {} : { node }) };
  }

  /** Where the pod runs; of a node that is gone the name alone. */
  async #nodeOf(pod: KubeObject): Promise<KubeObject | undefined> {
    const name: string = pod["spec"]?.nodeName ?? "";
    const nodes = this.#storeOf("nodes");
    if (name === "" || nodes === undefined) return undefined;
    const found = await nodes.read(objectKey(nodes, "", name));
    return found?.object ?? { metadata: { name } };
  }
}

/** The request with what it leaves open filled in. @throws StatusError Conflict: it means another account of that name */
function settle(
  request: TokenRequest,
  account: KubeObject,
  { audiences, now }: { audiences: readonly string[]; now: number },
): TokenRequest {
  const { name = "", namespace = "", uid = "" } = account.metadata;
  const asked = request.metadata.uid ?? "";
  if (asked !== "" && asked !== uid) {
    const at = { group: tokenKind.group, resource: tokenKind.kind };
    throw errors.conflict(
      at,
      name,
      `the UID in the token request (${asked}) does not match the UID of the service account (${uid})`,
    );
  }
  const identity = { name, namespace, uid, creationTimestamp: formatTime(now) };
  const { audiences: wanted, expirationSeconds, boundObjectRef = null } = request.spec;
  return {
    ...request,
    // First, as Go writes them.
    metadata: { ...identity, ...request.metadata, ...identity },
    spec: {
      audiences: wanted === undefined || wanted === null || wanted.length === 0 ? audiences : wanted,
      expirationSeconds,
      boundObjectRef,
    },
  };
}

/** No token lives longer than this server gives any. */
function shorten(request: TokenRequest, secondsMax: number | undefined, context: RequestContext): void {
  const { spec } = request;
  if (secondsMax === undefined || spec.expirationSeconds <= secondsMax) return;
  context.warn(
    `requested expiration of ${spec.expirationSeconds} seconds shortened to ${secondsMax} seconds`,
  );
  request.spec = { ...spec, expirationSeconds: secondsMax };
}

function validate({ spec: { expirationSeconds: seconds } }: TokenRequest): FieldError[] {
  const path = "spec.expirationSeconds";
  if (seconds < secondsMin)
    return [field.invalid(path, seconds, "may not specify a duration less than 10 minutes")];
  if (seconds <= secondsMax) return [];
  return [field.invalid(path, seconds, "may not specify a duration larger than 2^32 seconds")];
}
