import {
  errors,
  field,
  goTypeName,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonTypeName,
  type KubeObject,
  type StatusError,
  stringifyJson,
  validateAnnotations,
  validateLabels,
} from "../../apimachinery/index.ts";

/**
 * apiextensions.k8s.io ConversionReview: the question that a CRD's webhook is asked, and what is accepted as its answer, in upstream's words
 * (k8s.io/apiextensions-apiserver/pkg/apiserver/conversion).
 */
export type ReviewVersion = "v1" | "v1beta1";

const group = "apiextensions.k8s.io";
const kind = "ConversionReview";

/** The first that this server speaks of those that a webhook does. */
export function reviewVersion(offered: readonly string[]): ReviewVersion | undefined {
  return offered.find((version): version is ReviewVersion => version === "v1" || version === "v1beta1");
}

export interface Question {
  readonly version: ReviewVersion;
  readonly uid: string;
  readonly desiredApiVersion: string;
  readonly objects: readonly KubeObject[];
}

/** As JSON. `objects`: of the question, each encoded already. */
export function questionText(
  { version, uid, desiredApiVersion }: Question,
  objects: readonly string[],
): string {
  const request = stringifyJson({ uid, desiredAPIVersion: desiredApiVersion });
  return `{"kind":"${kind}","apiVersion":"${group}/${version}","request":${request.slice(0, -1)},"objects":[${objects.join(",")}]}}`;
}

/** `example.com/v1, Kind=Person` */
const typeText = (apiVersion: unknown, kindName: unknown): string =>
  `${textOf(apiVersion) || "/"}, Kind=${textOf(kindName)}`;
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

export function conversionFailure({ objects }: Question, why: string): StatusError {
  const [first] = objects;
  return errors.plainError(`conversion webhook for ${typeText(first?.apiVersion, first?.kind)} ${why}`);
}

/** The objects of an answer, in the order of the question, with the metadata that they had but for labels and annotations. @throws StatusError */
export function answeredObjects(question: Question, answer: Json): KubeObject[] {
  const { objects } = question;
  let converted: readonly Json[];
  try {
    converted = objectsOf(question, answer);
  } catch (error) {
    throw conversionFailure(question, `failed: ${(error as Error).message}`);
  }
  if (converted.length !== objects.length)
    throw conversionFailure(question, `returned ${converted.length} objects, expected ${objects.length}`);
  return objects.map((object, index) => accepted(question, object, converted[index] as Json, index));
}

/** @throws Error */
function objectsOf({ version, uid }: Question, answer: Json): readonly Json[] {
  const review = isJsonObject(answer) ? answer : {};
  const wanted = `${group}/${version}`;
  checkType(review, version);
  const { response } = review;
  const got = typeText(review["apiVersion"], review["kind"]);
  // The answers of v1beta1 were never asked what they are, nor to what.
  const isChecked = version === "v1";
  if (isChecked && got !== `${wanted}, Kind=${kind}`)
    throw new Error(`expected webhook response of ${wanted}, Kind=${kind}, got ${got}`);
  if (response === undefined || response === null) throw new Error("no response provided");
  if (!isJsonObject(response)) throw new Error(unreadable(response, "review.response", "ConversionResponse"));
  const answered = textOf(response["uid"]);
  if (isChecked && answered !== uid)
    throw new Error(`expected response.uid=${field.quoteGo(uid)}, got ${field.quoteGo(answered)}`);
  const { result = {}, convertedObjects } = response;
  if (!isJsonObject(result)) throw new Error(unreadable(result, "response.result", "Status"));
  if (result["status"] !== "Success") {
    const message = textOf(result["message"]);
    throw new Error(
      message === "" ? `response.result.status was '${textOf(result["status"])}', not 'Success'` : message,
    );
  }
  return Array.isArray(convertedObjects) ? convertedObjects : [];
}

const unreadable = (value: Json, path: string, type: string): string =>
  `json: cannot unmarshal ${jsonTypeName(value)} into Go struct field ConversionResponse.${path} of type v1.${type}`;

/** @throws Error for another kind of object than a review; one that says nothing of itself is read as one. */
function checkType(review: JsonObject, version: ReviewVersion): void {
  const apiVersion = textOf(review["apiVersion"]);
  const name = textOf(review["kind"]);
  if (name === "" || (name === kind && apiVersion === `${group}/${version}`)) return;
  const isReview = name === kind && reviewVersion([apiVersion.slice(group.length + 1)]) !== undefined;
  if (isReview || (name === "Status" && apiVersion === "v1")) {
    const from = `${apiVersion.slice(apiVersion.indexOf("/") + 1)}.${name}`;
    throw new Error(`converting (${from}) to (${version}.${kind}): unknown conversion`);
  }
  throw new Error(
    `no kind ${field.quoteGo(name)} is registered for version ${field.quoteGo(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`,
  );
}

/** One object of an answer. Upstream words its faults in two ways: of an object that was asked for alone, and of one of several. */
function accepted(question: Question, before: KubeObject, after: Json, index: number): KubeObject {
  const isAlone = question.objects.length === 1;
  const invalid = (why: string): StatusError =>
    conversionFailure(question, `returned invalid converted object at index ${index}: ${why}`);
  const malformed = (why: string): StatusError => (isAlone ? errors.plainError(why) : invalid(why));
  const wrongType = (why: string): StatusError =>
    isAlone ? conversionFailure(question, `returned invalid object at index 0: ${why}`) : invalid(why);
  if (after === null) throw malformed("unexpected end of JSON input");
  if (!isJsonObject(after)) {
    const found = jsonTypeName(after);
    throw malformed(`json: cannot unmarshal ${found} into Go value of type map[string]interface {}`);
  }
  const [apiVersion, kindName] = [textOf(after["apiVersion"]), textOf(after["kind"])];
  if (kindName === "") throw malformed(`Object 'Kind' is missing in '${stringifyJson(after)}'`);
  const wanted = question.desiredApiVersion;
  if (apiVersion !== wanted)
    throw wrongType(`invalid groupVersion (expected ${wanted}, received ${apiVersion})`);
  if (kindName !== before.kind)
    throw wrongType(`invalid kind (expected ${before.kind}, received ${kindName})`);
  const metadata = isJsonObject(after["metadata"]) ? after["metadata"] : {};
  for (const [part, shown] of [
    ["name", "name"],
    ["namespace", "namespace"],
    ["uid", "UID"],
  ] as const) {
    const [was, is] = [before.metadata[part] ?? "", textOf(metadata[part])];
    if (was === is) continue;
    const why = `must have the same ${shown}: ${was} != ${is}`;
    throw isAlone ? conversionFailure(question, `returned invalid object: ${why}`) : invalid(why);
  }
  const { labels: _, annotations: __, ...kept } = before.metadata;
  try {
    const restored = {
      ...kept,
      ...changeable("labels", before, metadata),
      ...changeable("annotations", before, metadata),
    };
    return { ...after, metadata: restored } as unknown as KubeObject;
  } catch (error) {
    const where = isAlone ? "" : ` in object at index ${index}`;
    throw conversionFailure(question, `returned invalid metadata${where}: ${(error as Error).message}`);
  }
}

/** Labels or annotations, which a webhook may change. @throws Error */
function changeable(
  name: "labels" | "annotations",
  before: KubeObject,
  metadata: JsonObject,
): Partial<Record<typeof name, Record<string, string>>> {
  const answered = metadata[name];
  if (answered === undefined || answered === null) return {};
  if (!isJsonObject(answered))
    throw new Error(`invalid metadata.${name} of type ${goTypeName(answered)} in converted object`);
  for (const [key, value] of Object.entries(answered)) {
    if (typeof value === "string") continue;
    const found = value === null ? "<nil>" : goTypeName(value as Json);
    throw new Error(`metadata.${name}[${key}] must be a string, but is ${found} in converted object`);
  }
  const texts = answered as Record<string, string>;
  const present = before.metadata[name] ?? {};
  const isSame =
    Object.keys(present).length === Object.keys(texts).length &&
    Object.entries(texts).every(([key, value]) => Object.hasOwn(present, key) && present[key] === value);
  if (!isSame) {
    const problems =
      name === "labels"
        ? validateLabels(texts, "metadata.labels")
        : validateAnnotations(texts, "metadata.annotation");
    if (problems.length > 0) throw new Error(field.aggregateMessages(problems.map(field.fieldErrorText)));
  }
  return { [name]: texts };
}
