import {
  errors,
  isJsonObject,
  type Json,
  type KubeObject,
  type Status,
  StatusError,
  stringifyJson,
} from "../../apimachinery/index.ts";
import type { Random } from "../../platform/index.ts";
import { reviewFields, typed } from "../expressions.ts";
import type { AdmissionRequest, WebhookClient } from "../ports.ts";
import { webhookAddress } from "./address.ts";
import type { Webhook } from "./configuration.ts";

/** A webhook could not be asked, or gave no answer that can be used. */
export class CallFailure extends Error {
  override readonly name = "CallFailure";
  constructor(webhook: string, why: string) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${why}`);
  }
}

/** What a webhook says, once it has said yes. */
export interface Allowed {
  /** JSON patch, as text; "" for none. */
  readonly patch: string;
}

export interface CallDeps {
  readonly client: WebhookClient;
  readonly random: Random;
}

const group = "admission.k8s.io";
const versions = ["v1", "v1beta1"];
const timeoutSecondsDefault = 10;

/**
 * Asks one webhook about a request: AdmissionReview out, AdmissionReview back.
 * @throws CallFailure where it could not be asked, StatusError where it said no, or the client's time is over
 */
export async function callWebhook(
  webhook: Webhook,
  request: AdmissionRequest,
  options: { readonly mutating: boolean },
  deps: CallDeps,
): Promise<Allowed> {
  const { name, sideEffects, timeoutSeconds = timeoutSecondsDefault } = webhook;
  if (request.dryRun && sideEffects !== "None" && sideEffects !== "NoneOnDryRun") {
    throw errors.badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
  }
  const version = (webhook.admissionReviewVersions ?? []).find((each) => versions.includes(each));
  if (version === undefined) {
    const why = "webhook does not accept known AdmissionReview versions (v1, v1beta1)";
    throw new CallFailure(name, `could not create admission objects: ${why}`);
  }
  const uid = deps.random.uuid();
  const body = stringifyJson({
    kind: "AdmissionReview",
    apiVersion: `${group}/${version}`,
    request: {
      uid,
      ...reviewFields(request),
      object: request.object === undefined ? null : sent(request.object, request),
      oldObject: request.old === undefined ? null : typed(request.old, request),
    },
  });
  let answer: Json;
  try {
    const milliseconds = Math.min(
      timeoutSeconds * 1_000,
      request.remainingMs?.() ?? Number.POSITIVE_INFINITY,
    );
    if (milliseconds <= 0) throw new Error("context deadline exceeded");
    const address = webhookAddress(webhook.clientConfig, Math.ceil(milliseconds / 1_000));
    answer = await deps.client.post(address, body, Math.ceil(milliseconds));
  } catch (error) {
    if ((request.remainingMs?.() ?? 1) <= 0) throw timedOut();
    if (error instanceof StatusError) throw new CallFailure(name, `failed to call webhook: ${error.message}`);
    if (!(error instanceof Error)) throw error;
    throw new CallFailure(name, `failed to call webhook: ${error.message}`);
  }
  let response: Response;
  try {
    response = verify(answer, { uid, version, mutating: options.mutating });
  } catch (error) {
    throw new CallFailure(name, `received invalid webhook response: ${(error as Error).message}`);
  }
  for (const warning of response.warnings ?? []) request.warn?.(String(warning));
  if (response.allowed !== true) throw denied(name, response.status);
  return { patch: options.mutating ? (response.patch ?? "") : "" };
}

/** Whatever the webhook's policy: nobody waits for the request any more. */
function timedOut(): StatusError {
  return errors.timeout("request did not complete within requested timeout - context deadline exceeded");
}

/** What the webhook sees of the object of a request. */
export function sent(object: KubeObject, request: AdmissionRequest): KubeObject {
  return typed(request.written?.(object) ?? object, request);
}

interface Response {
  readonly uid?: string;
  readonly allowed?: boolean;
  readonly status?: Partial<Status> | null;
  readonly patch?: string | null;
  readonly patchType?: string | null;
  readonly warnings?: readonly unknown[] | null;
}

/** @throws Error for an answer that is not one to the question */
function verify(
  answer: Json,
  { uid, version, mutating }: { readonly uid: string; readonly version: string; readonly mutating: boolean },
): Response {
  const review = isJsonObject(answer) ? answer : {};
  const { response, kind = "", apiVersion = "" } = review;
  if (!isJsonObject(response)) throw new Error("webhook response was absent");
  const given = response as Response;
  const patch = given.patch ?? "";
  const patchType = given.patchType ?? undefined;
  if (version === "v1") {
    if (given.uid !== uid) {
      throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(given.uid ?? "")}`);
    }
    const wanted = `${group}/${version}, Kind=AdmissionReview`;
    const got = `${String(apiVersion)}, Kind=${String(kind)}`;
    if (got !== wanted) throw new Error(`expected webhook response of ${wanted}, got ${got}`);
    if (!mutating && patch !== "") throw new Error("validating webhook may not return response.patch");
    if (!mutating && patchType !== undefined) {
      throw new Error("validating webhook may not return response.patchType");
    }
    if (patch !== "" && patchType === undefined) {
      throw new Error("webhook returned response.patch but not response.patchType");
    }
    if (patch === "" && patchType !== undefined) {
      throw new Error("webhook returned response.patchType but not response.patch");
    }
    if (patchType !== undefined && patchType !== "JSONPatch") {
      throw new Error(`webhook returned invalid response.patchType of ${JSON.stringify(patchType)}`);
    }
  }
  return { ...given, patch: patch === "" ? "" : Buffer.from(patch, "base64").toString() };
}

function denied(webhook: string, result: Partial<Status> | null | undefined): StatusError {
  const by = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const { message = "", reason = "", code = 0, details } = result ?? {};
  const why = message || reason;
  return new StatusError({
    status: "Failure",
    message: why === "" ? `${by} without explanation` : `${by}: ${why}`,
    ...(reason === "" ? {} : { reason }),
    ...(details === undefined || details === null ? {} : { details }),
    code: Math.max(code, 400),
  });
}
