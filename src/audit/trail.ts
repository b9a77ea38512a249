import {
  formatMicroTime,
  isJsonObject,
  type Json,
  type JsonObject,
  type UserInfo,
} from "../apimachinery/index.ts";
import type { Clock } from "../platform/index.ts";
import type { Verdict } from "./policy.ts";
import type { AuditEvent, AuditedRequest, AuditTrail, Outcome, SentMetadata, Stage } from "./types.ts";

/** Characters of a User-Agent that are kept. */
const userAgentCharsMax = 1024;

/** The events of one request, one for each stage that the policy does not leave out. */
export class Trail implements AuditTrail {
  readonly #request: AuditedRequest;
  readonly #verdict: Verdict;
  readonly #clock: Clock;
  readonly #emit: (event: AuditEvent) => void;
  readonly #receivedAt: number;
  readonly #annotations = new Map<string, string>();
  #sent: SentMetadata = {};
  #impersonated: UserInfo | undefined;
  #requestObject: Json | undefined;

  constructor(
    request: AuditedRequest,
    options: {
      readonly verdict: Verdict;
      readonly clock: Clock;
      readonly emit: (event: AuditEvent) => void;
    },
  ) {
    this.#request = request;
    this.#verdict = options.verdict;
    this.#clock = options.clock;
    this.#emit = options.emit;
    this.#receivedAt = options.clock.now();
  }

  received(): void {
    this.#tell("RequestReceived");
  }

  annotate(key: string, value: string): void {
    if (!this.#annotations.has(key)) this.#annotations.set(key, value);
  }

  actsAs(user: UserInfo): void {
    this.#impersonated = user;
  }

  sent({ name, namespace, uid, resourceVersion }: SentMetadata, whole: () => Json): void {
    this.#sent = {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    };
    if (this.#tells("Request")) this.#requestObject = this.#trimmed(whole());
  }

  patched(patch: Json): void {
    if (this.#tells("Request")) this.#requestObject = patch;
  }

  started(outcome: Outcome): void {
    this.#tell("ResponseStarted", outcome);
  }

  completed(outcome: Outcome): void {
    this.#tell("ResponseComplete", outcome);
  }

  panicked(reason: string): void {
    const status = {
      status: "Failure",
      message: `APIServer panic'd: ${reason}`,
      reason: "InternalError",
    } as const;
    this.#tell("Panic", { code: 500, status });
  }

  #tells(level: "Request" | "RequestResponse"): boolean {
    return this.#verdict.level === "RequestResponse" || this.#verdict.level === level;
  }

  #tell(stage: Stage, outcome?: Outcome): void {
    if (this.#verdict.omitStages.has(stage)) return;
    const { id, uri, verb, user, sourceIps, userAgent } = this.#request;
    const isSaid = stage !== "RequestReceived";
    const answer = isSaid && this.#tells("RequestResponse") ? outcome?.answer?.() : undefined;
    this.#emit({
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: this.#verdict.level,
      auditID: id,
      stage,
      requestURI: uri,
      verb,
      user: user === undefined ? {} : userFields(user),
      ...(this.#impersonated === undefined ? {} : { impersonatedUser: userFields(this.#impersonated) }),
      ...(sourceIps.length === 0 ? {} : { sourceIPs: sourceIps }),
      ...(userAgent === "" ? {} : { userAgent: shortened(userAgent) }),
      ...this.#objectRef(),
      ...(outcome === undefined ? {} : { responseStatus: statusFields(outcome) }),
      ...(this.#requestObject === undefined ? {} : { requestObject: this.#requestObject }),
      ...(answer === undefined ? {} : { responseObject: this.#trimmed(answer) }),
      requestReceivedTimestamp: formatMicroTime(this.#receivedAt),
      stageTimestamp: formatMicroTime(this.#clock.now()),
      ...(this.#annotations.size === 0 ? {} : { annotations: Object.fromEntries(this.#annotations) }),
    });
  }

  #objectRef(): object {
    const { resource: target } = this.#request;
    if (target === undefined) return {};
    const sent = this.#sent;
    const fields = {
      resource: target.resource,
      namespace: target.namespace || sent.namespace,
      name: target.name || sent.name,
      uid: sent.uid,
      apiGroup: target.group,
      apiVersion: target.version,
      resourceVersion: sent.resourceVersion,
      subresource: target.subresource,
    };
    const told = Object.entries(fields).filter(([, text]) => text !== undefined && text !== "");
    return { objectRef: Object.fromEntries(told) };
  }

  #trimmed(value: Json): Json {
    return this.#verdict.omitManagedFields ? withoutManagedFields(value) : value;
  }
}

function userFields({ name, uid, groups, extra }: UserInfo): object {
  return {
    username: name,
    ...(uid === undefined || uid === "" ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function statusFields({ code, status = {} }: Outcome): object {
  const { status: result, message, reason, details } = status;
  return {
    metadata: {},
    ...(result === undefined ? {} : { status: result }),
    ...(message === undefined || message === "" ? {} : { message }),
    ...(reason === undefined || reason === "" ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  };
}

const cutMark = "...TRUNCATED";
const shortened = (userAgent: string): string =>
  userAgent.length > userAgentCharsMax ? `${userAgent.slice(0, userAgentCharsMax)}${cutMark}` : userAgent;

/** Of an object, of a list's, and of those in a Table's rows. */
function withoutManagedFields(value: Json): Json {
  if (!isJsonObject(value)) return value;
  const trimmed: Record<string, Json> = { ...(value as Record<string, Json>) };
  if (isJsonObject(trimmed["metadata"])) {
    const { managedFields: _, ...metadata } = trimmed["metadata"];
    trimmed["metadata"] = metadata as JsonObject;
  }
  if (Array.isArray(trimmed["items"])) trimmed["items"] = trimmed["items"].map(withoutManagedFields);
  if (Array.isArray(trimmed["rows"]))
    trimmed["rows"] = trimmed["rows"].map((row) =>
      isJsonObject(row) ? { ...row, object: withoutManagedFields(row["object"] ?? null) } : row,
    );
  return trimmed;
}
