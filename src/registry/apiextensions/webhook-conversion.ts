import { errors, type Json, type JsonObject, type KubeObject } from "../../apimachinery/index.ts";
import type { Random } from "../../platform/index.ts";
import type { ConversionWebhook } from "../ports.ts";
import { type Convert, readConvertedMetadata } from "./conversion.ts";
import type { Conversion } from "./types.ts";

/** ConversionReview versions that are spoken, the better first. */
const spoken = ["v1", "v1beta1"];

/**
 * `strategy: Webhook`: the author of the CRD converts. One object is asked for at a time; what is converted is kept for everybody who reads
 * the same revision.
 */
export function convertByWebhook(
  conversion: Conversion,
  deps: { readonly call: ConversionWebhook | undefined; readonly random: Random },
): Convert {
  const { clientConfig = {}, conversionReviewVersions = [] } = conversion.webhook ?? {};
  const version = conversionReviewVersions.find((candidate) => spoken.includes(candidate));
  return async (object, apiVersion) => {
    const from = `${object.apiVersion}, Kind=${object.kind}`;
    const fail = (why: string): Error =>
      errors.internalError(`conversion webhook for ${from} failed: ${why}`);
    if (deps.call === undefined) throw fail("this server has no way to call webhooks");
    if (version === undefined) {
      throw fail(
        `does not support any recognized conversion review versions [${conversionReviewVersions.join(" ")}]`,
      );
    }
    const uid = deps.random.uuid();
    const review: JsonObject = {
      kind: "ConversionReview",
      apiVersion: `apiextensions.k8s.io/${version}`,
      request: { uid, desiredAPIVersion: apiVersion, objects: [object as unknown as Json] },
    };
    let answer: Json;
    try {
      answer = await deps.call(clientConfig, review);
    } catch (error) {
      throw fail((error as Error).message);
    }
    const converted = convertedObject(answer, { uid, version, apiVersion, object, fail });
    return keepIdentity(object, converted, fail);
  };
}

interface Asked {
  readonly uid: string;
  readonly version: string;
  readonly apiVersion: string;
  readonly object: KubeObject;
  readonly fail: (why: string) => Error;
}

function isMap(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The one object of an answer, checked as upstream checks it. */
function convertedObject(answer: Json, { uid, version, apiVersion, object, fail }: Asked): KubeObject {
  const type = `apiextensions.k8s.io/${version}, Kind=ConversionReview`;
  if (
    !isMap(answer) ||
    answer["kind"] !== "ConversionReview" ||
    answer["apiVersion"] !== `apiextensions.k8s.io/${version}`
  )
    throw fail(`invalid response: expected webhook response of ${type}`);
  const { response } = answer;
  if (!isMap(response)) throw fail("invalid response: no response provided");
  if (version === "v1" && response["uid"] !== uid)
    throw fail(
      `invalid response: expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response["uid"] ?? "")}`,
    );
  const { result } = response;
  if (!isMap(result)) throw fail("invalid response: response.result.status must be 'Success' or 'Failure'");
  if (result["status"] !== "Success") {
    if (typeof result["message"] === "string" && result["message"] !== "") throw fail(result["message"]);
    throw fail("response.result.status was 'Failure' with an empty response.result.message");
  }
  const { convertedObjects } = response;
  if (!Array.isArray(convertedObjects) || convertedObjects.length !== 1) {
    const count = Array.isArray(convertedObjects) ? convertedObjects.length : 0;
    throw fail(`returned ${count} objects, expected 1`);
  }
  const converted = convertedObjects[0] as Json;
  if (!isMap(converted)) throw fail("invalid converted object at index 0: no object");
  if (converted["apiVersion"] !== apiVersion)
    throw fail(
      `invalid converted object at index 0: invalid groupVersion (expected ${apiVersion}, received ${String(converted["apiVersion"])})`,
    );
  if (converted["kind"] !== object.kind)
    throw fail(
      `invalid converted object at index 0: invalid kind (expected ${object.kind}, received ${String(converted["kind"])})`,
    );
  return converted as unknown as KubeObject;
}

/** A webhook may change labels and annotations; whose object it is stays. */
function keepIdentity(before: KubeObject, after: KubeObject, fail: (why: string) => Error): KubeObject {
  if (typeof after.metadata !== "object" || after.metadata === null)
    throw fail("invalid metadata of converted object: missing metadata");
  const converted = readConvertedMetadata(after);
  const { name, namespace, uid } = before.metadata;
  const other = converted.metadata;
  for (const [what, was, is] of [
    ["name", name, other.name],
    ["namespace", namespace, other.namespace],
    ["uid", uid, other.uid],
  ]) {
    if ((was ?? "") !== (is ?? ""))
      throw fail(
        `invalid metadata of converted object: must have the same ${what}: ${is ?? ""} != ${was ?? ""}`,
      );
  }
  const { labels: _, annotations: __, ...kept } = before.metadata;
  return {
    ...converted,
    metadata: {
      ...kept,
      ...(other.labels === undefined ? {} : { labels: other.labels }),
      ...(other.annotations === undefined ? {} : { annotations: other.annotations }),
    },
  };
}
