import type { IncomingMessage, ServerResponse } from "node:http";
import {
  isJsonObject,
  type Json,
  parseJson,
  parseYaml,
  type Status,
  StatusError,
} from "../../apimachinery/index.ts";
import type { AuditedRequest, Auditor, Outcome } from "../../audit/index.ts";
import { connectionOf, wholeBody } from "../../h2/index.ts";
import type { KubernetesCodec } from "../../wire/index.ts";
import { type MaybeUpgrade, takeConnection } from "../connect/forward.ts";
import { decodeProtobuf } from "../decode-body.ts";
import type { ApiContext, Layer, Reply } from "../state.ts";
import { isLong } from "./max-in-flight.ts";

/**
 * Keeps a record of requests whose sender is known: when they come, when a long answer begins, and how they end. Outside of it an error
 * becomes an answer; inside it others add to `state.audit` what they know.
 */
export function audit(auditor: Auditor, protobuf: () => KubernetesCodec): Layer {
  return async (context, next) => {
    const { state } = context;
    const trail = auditor.begin(requestOf(context));
    if (trail === undefined) return next(context);
    state.audit = trail;
    const isLasting = isLong(state.info);
    let hasStarted = false;
    const started = (outcome: Outcome): void => {
      if (!isLasting || hasStarted) return;
      hasStarted = true;
      trail.started(outcome);
    };
    if (isLasting) whenAnswered(context, (code) => started({ code }));
    let outcome: Outcome;
    try {
      await next(context);
      outcome = await outcomeOf(context, started, protobuf);
    } catch (error) {
      if (error instanceof StatusError) {
        outcome = outcomeOfError(error);
        started(outcome);
        trail.completed(outcome);
      } else trail.panicked(error instanceof Error ? error.message : String(error));
      throw error;
    }
    trail.completed(outcome);
  };
}

/** Outside of `authenticate`: who is turned away there is told of, too. */
export function auditRefusals(auditor: Auditor): Layer {
  return async (context, next) => {
    try {
      await next(context);
    } catch (error) {
      if (error instanceof StatusError && error.code === 401 && context.state.audit === undefined)
        auditor.refused({ ...requestOf(context), user: undefined }, outcomeOfError(error));
      throw error;
    }
  };
}

const outcomeOfError = (error: StatusError): Outcome => ({
  code: error.code,
  status: error.status,
  answer: () => error.status as unknown as Json,
});

function requestOf({ state, req }: ApiContext): AuditedRequest {
  const { info, user, id } = state;
  const { group, version, resource, subresource, namespace, name } = info;
  return {
    id,
    uri: req.url ?? "",
    verb: info.verb,
    user,
    sourceIps: sourceIpsOf(req),
    userAgent: String(req.headers["user-agent"] ?? ""),
    path: info.path,
    resource: info.isResource ? { group, version, resource, subresource, namespace, name } : undefined,
  };
}

const ipText = /^[\da-f:.]+$/i;

/** Whom proxies say they ask for, and who is connected. */
function sourceIpsOf(request: IncomingMessage): string[] {
  const { headers } = request;
  const said = [...String(headers["x-forwarded-for"] ?? "").split(","), String(headers["x-real-ip"] ?? "")];
  const remote = connectionOf(request)
    ?.remoteAddress.replace(/:\d+$/, "")
    .replace(/^\[|\]$/g, "");
  const all = [...said.map((text) => text.trim()), remote ?? "127.0.0.1"];
  return [...new Set(all.filter((text) => ipText.test(text)))];
}

/** Calls back with the status once the head of an answer goes out, or the connection becomes another protocol's. */
function whenAnswered({ req, res }: ApiContext, answered: (code: number) => void): void {
  const response = res as ServerResponse;
  const writeHead = response.writeHead.bind(response);
  response.writeHead = ((code: number, ...rest: never[]) => {
    answered(code);
    return writeHead(code, ...rest);
  }) as typeof response.writeHead;
  const request = req as MaybeUpgrade;
  const take = request[takeConnection];
  if (take !== undefined)
    request[takeConnection] = () => {
      answered(101);
      return take();
    };
}

/** Of a request that no error ended; waits for the end of a stream. */
async function outcomeOf(
  { state, res }: ApiContext,
  started: (outcome: Outcome) => void,
  protobuf: () => KubernetesCodec,
): Promise<Outcome> {
  if (!state.streaming) {
    const { reply } = state;
    const outcome = reply === undefined ? { code: 404 } : outcomeOfReply(state, reply, protobuf);
    started(outcome);
    return outcome;
  }
  const outcome = { code: res.headersSent ? res.statusCode : 101 };
  started(outcome);
  if (res.headersSent && !res.writableFinished && !res.destroyed)
    await new Promise<void>((resolve) => res.once("close", resolve));
  return outcome;
}

function outcomeOfReply(state: ApiContext["state"], reply: Reply, protobuf: () => KubernetesCodec): Outcome {
  const { status: code, headers, body } = reply;
  const type = headers["content-type"] ?? "";
  let asked = false;
  let decoded: Json | undefined;
  const answer = (): Json | undefined => {
    if (asked) return decoded;
    asked = true;
    const bytes = typeof body === "string" ? Buffer.from(body) : wholeBody(body);
    // What is made while it leaves is made once: the client gets what the record has.
    state.reply = { ...reply, body: bytes };
    decoded = decode(type, bytes, protobuf);
    return decoded;
  };
  const status = mayBeStatus(body) ? answer() : undefined;
  return isJsonObject(status) && status["kind"] === "Status"
    ? { code, status: status as unknown as Status, answer }
    : { code, answer };
}

/** Bytes of an answer that are looked at for a Status. */
const statusHeadBytes = 64;

/** In each of the encodings the kind stands in the beginning. */
function mayBeStatus(body: Reply["body"]): boolean {
  // Only what is stored is not there yet.
  if (typeof body !== "string" && !(body instanceof Uint8Array)) return false;
  const head =
    typeof body === "string"
      ? body.slice(0, statusHeadBytes)
      : Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, statusHeadBytes)).toString(
          "latin1",
        );
  return head.includes("Status") || head.startsWith("apiVersion:");
}

/** Undefined for what is no object. */
function decode(type: string, body: Uint8Array, protobuf: () => KubernetesCodec): Json | undefined {
  const bytes = Buffer.from(body);
  try {
    if (type.startsWith("application/json")) return parseJson(bytes.toString());
    if (type.startsWith("application/yaml")) return parseYaml(bytes.toString());
    if (type.startsWith("application/vnd.kubernetes.protobuf")) return decodeProtobuf(bytes, protobuf);
  } catch {
    // The record does without.
  }
  return undefined;
}
