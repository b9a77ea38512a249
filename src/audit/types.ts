import type { Json, Status, UserInfo } from "../apimachinery/index.ts";

/** How much is told of a request: each level more than the one before. */
export const levels = ["None", "Metadata", "Request", "RequestResponse"] as const;
export type Level = (typeof levels)[number];

export const stages = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;
export type Stage = (typeof stages)[number];

/** What is known of a request as soon as it is known who sends it. */
export interface AuditedRequest {
  /** Of the request, also told to the client (`Audit-Id`). */
  readonly id: string;
  /** As it was sent, with the query. */
  readonly uri: string;
  readonly verb: string;
  /** Undefined: nobody knows them. */
  readonly user: UserInfo | undefined;
  /** Of proxies on the way first, who is connected last. */
  readonly sourceIps: readonly string[];
  readonly userAgent: string;
  readonly path: string;
  /** Undefined for a path that is no resource. */
  readonly resource:
    | {
        readonly group: string;
        readonly version: string;
        readonly resource: string;
        readonly subresource: string;
        readonly namespace: string;
        readonly name: string;
      }
    | undefined;
}

/** How a request ended. */
export interface Outcome {
  readonly code: number;
  /** Where the answer is a Status. */
  readonly status?: Omit<Status, "kind" | "apiVersion" | "metadata"> | undefined;
  /** The answer; asked for only where it is told. */
  readonly answer?: (() => Json | undefined) | undefined;
}

/** Completes what the URL says of an object. */
export interface SentMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** What is told of one request while it is on its way. None of it throws, and none of it waits. */
export interface AuditTrail {
  /** The first text of a key counts. */
  annotate(key: string, value: string): void;
  /** The request is made in somebody else's name. */
  actsAs(user: UserInfo): void;
  /** The object that was sent, decoded; `whole`: as it is now, for it is changed on its way. Asked for only where it is told. */
  sent(metadata: SentMetadata, whole: () => Json): void;
  /** The patch that was sent. */
  patched(patch: Json): void;
  /** A request that may last begins to be answered. */
  started(outcome: Outcome): void;
  completed(outcome: Outcome): void;
  /** A mistake of this server's own ended it. */
  panicked(reason: string): void;
}

/** Keeps a record of who did what: upstream's k8s.io/apiserver/pkg/audit. */
export interface Auditor {
  /** Undefined where the policy has nothing told of it. */
  begin(request: AuditedRequest): AuditTrail | undefined;
  /** Somebody was turned away because nobody knows them. */
  refused(request: AuditedRequest, outcome: Outcome): void;
  /** Ends once everything is written. */
  close(): Promise<void>;
}

/** One entry of the record, audit.k8s.io/v1 Event, as it is written. */
export type AuditEvent = Readonly<Record<string, unknown>>;

/** Where events go. `write` never throws and never waits: what cannot be kept is counted and told. */
export interface AuditSink {
  write(event: AuditEvent): void;
  close(): Promise<void>;
}
