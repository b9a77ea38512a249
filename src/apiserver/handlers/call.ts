import type { Admission, AdmissionRequest, Operation } from "../../admission/index.ts";
import { errors, type JsonObject, type KubeObject } from "../../apimachinery/index.ts";
import type { Authorizer } from "../../auth/index.ts";
import type { BodySource } from "../../h2/index.ts";
import type { Clock, Random } from "../../platform/index.ts";
import type { RequestContext, ResourceHandler, Validate } from "../../registry/index.ts";
import type { KubernetesCodec } from "../../wire/index.ts";
import type { EncodeOptions, Encoder } from "../encode/encoder.ts";
import { includeObjectOf } from "../encode/table.ts";
import type { SharedFrames } from "../encode/watch-frames.ts";
import type { WatchTurns } from "../encode/watch-turns.ts";
import { accessRequest } from "../layers/authorize.ts";
import { accessRefused } from "../layers/refusal.ts";
import { contentTypes, negotiateObject, type Representation } from "../media-types.ts";
import type { OpenWatches } from "../open-watches.ts";
import { fieldManagerOf } from "../options.ts";
import { wantsPretty } from "../pretty.ts";
import type { ApiContext, Reply } from "../state.ts";

/** What every handler needs of the server. */
export interface HandlerDeps {
  readonly admission: Admission;
  readonly authorizer: Authorizer;
  readonly encoder: Encoder;
  readonly protobuf: () => KubernetesCodec;
  readonly clock: Clock;
  readonly random: Random;
  readonly watches: OpenWatches;
  readonly frames: SharedFrames;
  readonly turns: WatchTurns;
  /** How long a watch stays open that does not say, and up to twice as long. */
  readonly watchSeconds: number;
}

type Form = ResourceHandler["form"];

/** Fields as a whole object of a kind, defaults filled in. @throws Error for what is none */
function completed(form: Form, fields: JsonObject): KubeObject {
  const { object } = form.decode(fields);
  object.metadata ??= {};
  return form.applyDefaults(object);
}

const conversions = ({ form }: { readonly form: Form }) => ({
  complete: (fields: JsonObject) => completed(form, fields),
  written: (object: KubeObject) => form.canonicalize(object),
});

type HandlerForms = Required<Pick<AdmissionRequest, "complete" | "written" | "equivalents">>;

/** What admission is told of a handler; the same for all its requests. */
const formsOfHandlers = new WeakMap<ResourceHandler, HandlerForms>();

function formsOf(handler: ResourceHandler): HandlerForms {
  let forms = formsOfHandlers.get(handler);
  if (forms === undefined) {
    const equivalents = (handler.equivalents ?? []).map((other) => ({
      resource: other.resource,
      kind: other.form.kind,
      ...conversions(other),
      fromHere: other.fromHere,
      toHere: other.toHere,
    }));
    forms = { ...conversions(handler), equivalents };
    formsOfHandlers.set(handler, forms);
  }
  return forms;
}

/** One request to one resource. */
export class ResourceCall {
  readonly context: ApiContext;
  readonly handler: ResourceHandler;
  readonly deps: HandlerDeps;
  readonly now: number;

  constructor(context: ApiContext, handler: ResourceHandler, deps: HandlerDeps) {
    this.context = context;
    this.handler = handler;
    this.deps = deps;
    this.now = deps.clock.now();
  }

  get info(): ApiContext["state"]["info"] {
    return this.context.state.info;
  }

  /** Namespace of the objects concerned; "" for resources outside of namespaces, Namespaces themselves included. */
  get namespace(): string {
    return this.handler.namespaced ? this.info.namespace : "";
  }

  header(name: string): string {
    const value = this.context.req.headers[name];
    return typeof value === "string" ? value : "";
  }

  requestContext(options: { readonly dryRun: boolean; readonly fieldManager?: string }): RequestContext {
    const { user, warnings, audit } = this.context.state;
    return {
      user,
      namespace: this.namespace,
      dryRun: options.dryRun,
      fieldManager: fieldManagerOf(options.fieldManager ?? "", this.header("user-agent")),
      now: this.now,
      warn: (text) => warnings.add(text),
      annotate: audit && ((key, value) => audit.annotate(key, value)),
    };
  }

  /** How the answer will look; asked before anything is done, so that nothing is done for nothing. */
  encoding(): EncodeOptions {
    const { form, info, rules, createNamed } = this.handler;
    const withoutTable =
      info.columns.length === 0 || createNamed !== undefined || rules.withoutTable === true;
    const isList = this.info.verb === "list";
    return this.encodingAs(
      negotiateObject(this.header("accept"), { custom: form.custom, withoutTable, isList }),
    );
  }

  encodingAs(representation: Representation): EncodeOptions {
    return {
      handler: this.handler,
      representation,
      pretty: representation.encoding === "json" && wantsPretty(this.info, this.header("user-agent")),
      includeObject:
        representation.as === "Table" ? includeObjectOf(this.info.query.get("includeObject")) : "Metadata",
      now: this.now,
    };
  }

  reply(status: number, body: Uint8Array | BodySource, options: EncodeOptions): void {
    this.context.state.reply = replyOf(status, body, options.representation);
  }

  admissionRequest(
    operation: Exclude<Operation, "CONNECT">,
    at: { name: string; object: KubeObject | undefined; old: KubeObject | undefined; dryRun: boolean },
  ): AdmissionRequest {
    const { resource, subresource, kind } = this.handler;
    const { complete, written, equivalents } = formsOf(this.handler);
    const { user, warnings, audit, deadline } = this.context.state;
    const { clock } = this.deps;
    return {
      operation,
      resource,
      subresource,
      kind,
      namespace: this.namespace,
      user,
      name: at.name,
      object: at.object,
      old: at.old,
      dryRun: at.dryRun,
      options: this.#options(operation, at.dryRun),
      warn: (text) => warnings.add(text),
      annotate: audit && ((key, value) => audit.annotate(key, value)),
      remainingMs: () => deadline - clock.monotonic(),
      complete,
      written,
      equivalents,
    };
  }

  /** What the client asked for besides the object, as an object of meta.k8s.io. */
  #options(operation: Exclude<Operation, "CONNECT">, dryRun: boolean): KubeObject {
    const { query } = this.info;
    const kinds = { CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions" } as const;
    const kind = this.context.req.method === "PATCH" ? "PatchOptions" : kinds[operation];
    const fieldManager = query.get("fieldManager");
    const fieldValidation = query.get("fieldValidation");
    return {
      kind,
      apiVersion: "meta.k8s.io/v1",
      ...(dryRun ? { dryRun: ["All"] } : {}),
      ...(fieldManager === null ? {} : { fieldManager }),
      ...(fieldValidation === null ? {} : { fieldValidation }),
    } as unknown as KubeObject;
  }

  /**
   * The checks of an object that a PUT or an apply would make: who may change objects need not be allowed to make them.
   * @throws StatusError Forbidden, from what is answered
   */
  creation(at: { name: string; dryRun: boolean }): Validate {
    const validate = this.validation("CREATE", at);
    return async (object, old) => {
      const request = { ...accessRequest(this.context), verb: "create" };
      const { allowed, reason, error } = await this.deps.authorizer.authorize(request);
      if (!allowed) throw error === undefined ? accessRefused(request, reason) : errors.internalError(error);
      await validate(object, old);
    };
  }

  /** Validating admission as the registry calls it. */
  validation(operation: "CREATE" | "UPDATE", at: { name: string; dryRun: boolean }): Validate {
    return (object, old) =>
      this.deps.admission.validate(this.admissionRequest(operation, { ...at, object, old }));
  }
}

function replyOf(status: number, body: Uint8Array | BodySource, representation: Representation): Reply {
  return { status, headers: { "content-type": contentTypes[representation.encoding] }, body };
}

/** A handler of one verb. */
export type VerbHandler = (call: ResourceCall) => Promise<void>;
