import { formatTime, humanDuration, type Json } from "../../apimachinery/index.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf, none } from "../tables/cells.ts";
import type { CertificateSigningRequest, SigningCondition } from "./types.ts";
import { validateRequest, validateRequestUpdate } from "./validate.ts";

/**
 * certificates.k8s.io/v1 CertificateSigningRequest: who posts one asks a signer for a certificate; others approve it, and the signer
 * puts the certificate into the status. What was asked for never changes.
 */
export const certificateSigningRequestStrategy: Strategy<CertificateSigningRequest> = {
  namespaced: false,
  metadataOnUpdate: ["changes", "object"],
  // Upstream has no rules for these names but those of a key.
  validateName: () => [],
  prepareForCreate(request, { user }) {
    const { username: _, uid: __, groups: ___, extra: ____, ...asked } = request.spec;
    request.spec = {
      ...asked,
      username: user.name,
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      groups: [...user.groups],
      ...(Object.keys(user.extra ?? {}).length === 0 ? {} : { extra: user.extra ?? {} }),
    };
    request.status = {};
    return request;
  },
  prepareForUpdate: (next, old) => ({ ...next, spec: old.spec, status: old.status ?? {} }),
  validate: (request) => validateRequest(request),
  validateUpdate: (next, old) => validateRequestUpdate(next, old, {}),
  resetFields: [["spec"], ["status"]],
  selectableFields: { "spec.signerName": ({ spec }) => spec.signerName },
  status: {
    prepareForUpdate(next, old, { now }) {
      const conditions = timed(kept(next, old), old, now);
      return { ...next, spec: old.spec, status: withConditions(next, conditions) };
    },
    validateUpdate: (next, old) => validateRequestUpdate(next, old, { certificate: true }),
    resetFields: [["spec"], ["status", "conditions"]],
  },
  subresources: {
    approval: {
      withoutTable: true,
      prepareForUpdate: (next, old, { now }) => ({
        ...next,
        spec: old.spec,
        status: withConditions(old, timed(next.status?.conditions ?? [], old, now)),
      }),
      validateUpdate: (next, old) => validateRequestUpdate(next, old, { approval: true }),
      resetFields: [["spec"], ["status", "certificate"]],
    },
  },
  tableRow: requestRow,
};

function withConditions(
  { status = {} }: CertificateSigningRequest,
  conditions: SigningCondition[],
): NonNullable<CertificateSigningRequest["status"]> {
  const { conditions: _, ...rest } = status;
  return conditions.length === 0 ? rest : { ...rest, conditions };
}

/** Verdicts stay as they are under /status; that one was added or removed is for validation to refuse. */
function kept(next: CertificateSigningRequest, old: CertificateSigningRequest): SigningCondition[] {
  const conditions = [...(next.status?.conditions ?? [])];
  for (const type of ["Approved", "Denied"]) {
    const before = (old.status?.conditions ?? []).filter((condition) => condition.type === type);
    const places = [...conditions.keys()].filter((index) => conditions[index]?.type === type);
    if (before.length !== places.length) continue;
    for (const [order, place] of places.entries()) conditions[place] = before[order] as SigningCondition;
  }
  return conditions;
}

/** Times that the writer left out: now, or since when the condition has had this status. */
function timed(
  conditions: readonly SigningCondition[],
  old: CertificateSigningRequest,
  now: number,
): SigningCondition[] {
  return conditions.map((condition) => {
    const before = (old.status?.conditions ?? []).find(
      ({ type, status, lastTransitionTime }) =>
        type === condition.type && status === condition.status && lastTransitionTime,
    );
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? formatTime(now),
      lastTransitionTime: condition.lastTransitionTime ?? before?.lastTransitionTime ?? formatTime(now),
    };
  });
}

function requestRow(request: CertificateSigningRequest, now: number): Json[] {
  const { signerName, username = "", expirationSeconds } = request.spec;
  return [
    nameOf(request),
    age(request, now),
    signerName || none,
    username,
    expirationSeconds === undefined ? none : humanDuration(expirationSeconds * 1000),
    conditionText(request),
  ];
}

function conditionText({ status = {} }: CertificateSigningRequest): string {
  const has = (type: string): boolean =>
    (status.conditions ?? []).some((condition) => condition.type === type);
  const verdict = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
  return [verdict, ...(has("Failed") ? ["Failed"] : []), ...(status.certificate ? ["Issued"] : [])].join(",");
}
