import {
  dns1035LabelErrors,
  type FieldError,
  field,
  type WebhookClientConfig,
} from "../../apimachinery/index.ts";
import { validateClientConfig } from "../webhook-client-config.ts";
import { type Conversion, type CustomResourceDefinition, type DefinitionSpec, isTrue } from "./types.ts";

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
  const { service, caBundle = "" } = client;
  const problems = validateClientConfig(
    { ...client, ...(service && { service: { port: 443, ...service } }) },
    at,
  );
  if (checkBundle && caBundle !== "" && !isBundle(caBundle))
    problems.push(field.invalid(`${at}.caBundle`, caBundle, bundleText));
  return problems;
}

const bundleText = "unable to load root certificates: unable to parse bytes as PEM block";

function isBundle(base64: string): boolean {
  return Buffer.from(base64, "base64").toString("latin1").includes("-----BEGIN CERTIFICATE-----");
}

/** Such a webhook can never be called. */
export function hasBadBundle(conversion: Conversion | undefined): boolean {
  const bundle = conversion?.webhook?.clientConfig?.caBundle ?? "";
  return bundle !== "" && !isBundle(bundle);
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
