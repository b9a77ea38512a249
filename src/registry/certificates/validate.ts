import { X509Certificate } from "node:crypto";
import { deepEqual, type FieldError, field } from "../../apimachinery/index.ts";
import {
  CertificateRequestError,
  certificateUsages,
  parseCertificateRequest,
  signerNames,
} from "../../auth/index.ts";
import { validateSignerName } from "./signer-name.ts";
import type { CertificateSigningRequest, SigningCondition } from "./types.ts";

/** k8s.io/kubernetes/pkg/apis/certificates/validation. */

const secondsMin = 600;
/** Conditions that are there or not, and never false. */
const verdicts: readonly string[] = ["Approved", "Denied", "Failed"];

/** What an endpoint may change of the status. */
interface Permissions {
  readonly approval?: boolean;
  readonly certificate?: boolean;
}

/** `old`: what was tolerated before still is. */
export function validateRequest(
  request: CertificateSigningRequest,
  old?: CertificateSigningRequest,
): FieldError[] {
  const { spec, status = {} } = request;
  const usages = spec.usages ?? [];
  const errors: FieldError[] = [];
  const problem = requestProblem(spec.request ?? "");
  if (problem !== undefined) errors.push(field.invalid("spec.request", spec.request, problem));
  if (usages.length === 0) errors.push(field.required("spec.usages", ""));
  errors.push(...usageProblems(usages, old?.spec.usages ?? []));
  if (spec.signerName === signerNames.legacyUnknown && old?.spec.signerName !== signerNames.legacyUnknown) {
    errors.push(
      field.invalid(
        "spec.signerName",
        spec.signerName,
        "the legacy signerName is not allowed via this API version",
      ),
    );
  } else {
    errors.push(...validateSignerName("spec.signerName", spec.signerName ?? ""));
  }
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < secondsMin) {
    const rule = "may not specify a duration less than 600 seconds (10 minutes)";
    errors.push(field.invalid("spec.expirationSeconds", spec.expirationSeconds, rule));
  }
  errors.push(...conditionProblems(status.conditions ?? [], old?.status?.conditions ?? []));
  const { certificate = "" } = status;
  const why = certificate === (old?.status?.certificate ?? "") ? undefined : certificateProblem(certificate);
  if (why !== undefined) errors.push(field.invalid("status.certificate", "<certificate data>", why));
  return errors;
}

export function validateRequestUpdate(
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
  may: Permissions,
): FieldError[] {
  const errors = validateRequest(next, old);
  const path = "status.conditions";
  const of = ({ status }: CertificateSigningRequest, type: string): SigningCondition[] =>
    (status?.conditions ?? []).filter((condition) => condition.type === type);
  for (const type of verdicts) {
    if (of(next, type).length < of(old, type).length)
      errors.push(field.forbidden(path, `updates may not remove a condition of type "${type}"`));
  }
  for (const type of may.approval === true ? [] : ["Approved", "Denied"]) {
    const [now, before] = [of(next, type), of(old, type)];
    if (now.length > before.length)
      errors.push(field.forbidden(path, `updates may not add a condition of type "${type}"`));
    else if (now.length === before.length && !deepEqual(now, before))
      errors.push(field.forbidden(path, `updates may not modify a condition of type "${type}"`));
  }
  const [now = "", before = ""] = [next.status?.certificate, old.status?.certificate];
  if (now === before) return errors;
  if (may.certificate !== true)
    errors.push(field.forbidden("status.certificate", "updates may not set certificate content"));
  else if (before !== "")
    errors.push(field.forbidden("status.certificate", "updates may not modify existing certificate content"));
  return errors;
}

function requestProblem(base64: string): string | undefined {
  try {
    parseCertificateRequest(base64);
    return undefined;
  } catch (error) {
    if (error instanceof CertificateRequestError) return error.message;
    throw error;
  }
}

function usageProblems(usages: readonly string[], before: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  const isKnown = (usage: string): boolean => certificateUsages.includes(usage);
  if (before.every(isKnown)) {
    for (const [index, usage] of usages.entries())
      if (!isKnown(usage)) errors.push(field.notSupported(`spec.usages[${index}]`, usage, certificateUsages));
  }
  if (new Set(before).size === before.length) {
    for (const [index, usage] of usages.entries())
      if (usages.indexOf(usage) < index) errors.push(field.duplicate(`spec.usages[${index}]`, usage));
  }
  return errors;
}

function conditionProblems(
  conditions: readonly SigningCondition[],
  before: readonly SigningCondition[],
): FieldError[] {
  const path = "status.conditions";
  const errors: FieldError[] = [];
  const typesBefore = before.map(({ type = "" }) => type);
  const bothBefore = typesBefore.includes("Approved") && typesBefore.includes("Denied");
  const seen = new Set<string>();
  for (const [index, { type = "", status = "" }] of conditions.entries()) {
    const at = `${path}[${index}]`;
    if (type === "" && !typesBefore.includes("")) errors.push(field.required(`${at}.type`, ""));
    const values = verdicts.includes(type) ? ["True"] : ["False", "True", "Unknown"];
    if (status === "") errors.push(field.required(`${at}.status`, ""));
    else if (!values.includes(status)) errors.push(field.notSupported(`${at}.status`, status, values));
    const contrary = type === "Approved" ? "Denied" : type === "Denied" ? "Approved" : undefined;
    if (!bothBefore && contrary !== undefined && seen.has(contrary))
      errors.push(field.invalid(path, type, "Approved and Denied conditions are mutually exclusive"));
    if (seen.has(type) && new Set(typesBefore).size === typesBefore.length)
      errors.push(field.duplicate(`${at}.type`, type));
    seen.add(type);
  }
  return errors;
}

/** Base64 of PEM with certificates and nothing else. */
function certificateProblem(base64: string): string | undefined {
  if (base64 === "") return undefined;
  const pem = Buffer.from(base64, "base64").toString("latin1");
  let blocks = 0;
  for (const [block, type] of pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g)) {
    if (type !== "CERTIFICATE")
      return `only CERTIFICATE PEM blocks are allowed, found ${field.quoteGo(type as string)}`;
    if (block.includes(":")) return "no PEM block headers are permitted";
    blocks++;
    try {
      new X509Certificate(block);
    } catch {
      return "x509: malformed certificate";
    }
  }
  return blocks === 0 ? "must contain at least one CERTIFICATE PEM block" : undefined;
}
