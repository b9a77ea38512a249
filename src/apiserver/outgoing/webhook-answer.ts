import { isJsonObject, type Json, JsonError, jsonTypeName, parseJson } from "../../apimachinery/index.ts";

/** What came back from a webhook, before anybody looked at it. */
export interface RawAnswer {
  readonly status: number;
  /** "" where it has none. */
  readonly contentType: string;
  readonly body: string;
}

/** What client-go says of statuses that came without a Status object. */
const messages: Readonly<Record<number, string>> = {
  400: "the server rejected our request for an unknown reason",
  401: "the server has asked for the client to provide credentials",
  404: "the server could not find the requested resource",
  405: "the server does not allow this method on the requested resource",
  409: "the server reported a conflict",
  422: "the server rejected our request due to an error in our request",
  429: "the server has received too many requests and has asked us to try again later",
  503: "the server is currently unable to handle the request",
  504: "the server was unable to return a response in the time allotted, but may still be processing the request",
};
/** Those whose text is what the server said. */
const ownWords: ReadonlySet<number> = new Set([403, 406, 415]);

/** The JSON object that a webhook answered. @throws Error in client-go's words where it answered none */
export function webhookAnswer(answer: RawAnswer): Json {
  const { status, contentType, body } = answer;
  if (status < 200 || status > 206) throw new Error(refusal(answer));
  if (body === "") {
    throw new Error(`0-length response with status code: ${status} and content type: ${contentType}`);
  }
  const json = readJson(body);
  if (isJsonObject(json)) return json;
  // What is no JSON is YAML to upstream: a text, mostly.
  const found = json === undefined ? "string" : jsonTypeName(json);
  throw new Error(
    `couldn't get version/kind; json parse error: json: cannot unmarshal ${found} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
  );
}

function refusal({ status, contentType, body }: RawAnswer): string {
  const json = readJson(body);
  if (isJsonObject(json) && json["kind"] === "Status" && typeof json["message"] === "string")
    return json["message"];
  const said = contentType === "" || contentType.startsWith("text/") ? body.trim() : "unknown";
  if (ownWords.has(status)) return said;
  if (messages[status] !== undefined) return messages[status];
  if (status >= 500)
    return `an error on the server (${JSON.stringify(said)}) has prevented the request from succeeding`;
  return `the server responded with the status code ${status} but did not return more information`;
}

function readJson(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return undefined;
  }
}
