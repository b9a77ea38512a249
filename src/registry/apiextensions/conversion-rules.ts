import { dns1035LabelErrors, type FieldError, field, portNumberErrors } from "../../apimachinery/index.ts";
import {
  type Conversion,
  type CustomResourceDefinition,
  type DefinitionSpec,
  isTrue,
  type WebhookClientConfig,
} from "./types.ts";

/** ConversionReview versions that are spoken. */
const knownReviews = ["v1", "v1beta1"];

/** How objects get from version to version: spec.conversion. */
export function conversionProblems(
  spec: DefinitionSpec,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const { conversion } = spec;
  if (conversion === undefined) return [];
  const problems: FieldError[] = [];
  const strategies = ["None", "Webhook"];
  if (!conversion.strategy) problems.push(field.required("spec.conversion.strategy", ""));
  else if (!strategies.includes(conversion.strategy))
    problems.push(field.notSupported("spec.conversion.strategy", conversion.strategy, strategies));
  if (conversion.strategy === "Webhook") {
    const checkBundle = old !== undefined && isTrue(old, "Established") && !hasBadBundle(old.spec.conversion);
    problems.push(...clientProblems(conversion.webhook?.clientConfig, checkBundle));
    const before = old?.spec.conversion?.webhook?.conversionReviewVersions ?? [];
    const strict = before.length === 0 || before.some((version) => knownReviews.includes(version));
    problems.push(...reviewProblems(conversion.webhook?.conversionReviewVersions ?? [], strict));
    return problems;
  }
  const when = "should not be set when strategy is not set to Webhook";
  if (conversion.webhook?.clientConfig !== undefined)
    problems.push(field.forbidden("spec.conversion.webhookClientConfig", when));
  if ((conversion.webhook?.conversionReviewVersions?.length ?? 0) > 0)
    problems.push(field.forbidden("spec.conversion.conversionReviewVersions", when));
  return problems;
}

function clientProblems(client: WebhookClientConfig | undefined, checkBundle: boolean): FieldError[] {
  const at = "spec.conversion.webhookClientConfig";
  if (client === undefined) return [field.required(at, "required when strategy is set to Webhook")];
  const { url, service, caBundle = "" } = client;
  const problems: FieldError[] = [];
  if ((url === undefined) === (service === undefined))
    problems.push(field.required(at, "exactly one of url or service is required"));
  else if (url !== undefined) problems.push(...urlProblems(url, `${at}.url`));
  else if (service !== undefined) problems.push(...serviceProblems(service, `${at}.service`));
  if (checkBundle && caBundle !== "" && !isBundle(caBundle))
    problems.push(field.invalid(`${at}.caBundle`, caBundle, bundleText));
  return problems;
}

const bundleText = "unable to load root certificates: unable to parse bytes as PEM block";

function isBundle(base64: string): boolean {
  return Buffer.from(base64, "base64").toString("latin1").includes("-----BEGIN CERTIFICATE-----");
}

function hasBadBundle(conversion: Conversion | undefined): boolean {
  const bundle = conversion?.webhook?.clientConfig?.caBundle ?? "";
  return bundle !== "" && !isBundle(bundle);
}

function urlProblems(text: string, path: string): FieldError[] {
  const form = "; desired format: https://host[/path]";
  if (!URL.canParse(text)) {
    const problems = [field.invalid(path, "", `'https' is the only allowed URL scheme${form}`)];
    return [...problems, field.invalid(path, "", `host must be specified${form}`)];
  }
  const url = new URL(text);
  const problems: FieldError[] = [];
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== "https")
    problems.push(field.invalid(path, scheme, `'https' is the only allowed URL scheme${form}`));
  if (url.host === "") problems.push(field.invalid(path, "", `host must be specified${form}`));
  if (url.username !== "" || url.password !== "") {
    const user = url.password === "" ? url.username : `${url.username}:${url.password}`;
    problems.push(field.invalid(path, user, "user information is not permitted in the URL"));
  }
  if (url.hash.length > 1)
    problems.push(field.invalid(path, url.hash.slice(1), "fragments are not permitted in the URL"));
  if (url.search.length > 1)
    problems.push(field.invalid(path, url.search.slice(1), "query parameters are not permitted in the URL"));
  return problems;
}

function serviceProblems(service: NonNullable<WebhookClientConfig["service"]>, path: string): FieldError[] {
  const problems: FieldError[] = [];
  // Upstream hands name and namespace over in the wrong order here: a missing one is told of the other.
  if (!service.namespace) problems.push(field.required(`${path}.name`, ""));
  if (!service.name) problems.push(field.required(`${path}.namespace`, ""));
  const port = service.port ?? 443;
  const texts = portNumberErrors(port);
  if (texts.length > 0)
    problems.push(field.invalid(`${path}.port`, port, `port is not valid: ${texts.join(", ")}`));
  const urlPath = service.path ?? "";
  if (urlPath !== "" && urlPath !== "/" && !urlPath.startsWith("/"))
    problems.push(field.invalid(`${path}.path`, urlPath, "must start with a '/'"));
  return problems;
}

function reviewProblems(versions: readonly string[], strict: boolean): FieldError[] {
  const path = "spec.conversion.conversionReviewVersions";
  if (versions.length === 0) return [field.required(path, "")];
  const problems: FieldError[] = [];
  versions.forEach((version, index) => {
    if (versions.indexOf(version) < index) {
      problems.push(field.invalid(`${path}[${index}]`, version, "duplicate version"));
      return;
    }
    for (const text of dns1035LabelErrors(version))
      problems.push(field.invalid(`${path}[${index}]`, version, text));
  });
  if (strict && !versions.some((version) => knownReviews.includes(version)))
    problems.push(field.invalid(path, versions, `must include at least one of ${knownReviews.join(", ")}`));
  return problems;
}
