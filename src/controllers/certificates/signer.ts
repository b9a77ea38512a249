import {
  type CertificatePair,
  type CertificateRequest,
  kubeletClientProblem,
  kubeletServingProblem,
  parseCertificateRequest,
  signCertificateRequest,
  signerNames,
} from "../../auth/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { certificateSigningRequests } from "../resources.ts";
import { conditionOf, requestQueue, type SigningRequest } from "./requests.ts";

/** The longest that a certificate lives, and what it lives where nobody asks for less: --cluster-signing-duration. */
const lifeSecondsMax = 365 * 24 * 60 * 60;
const lifeSecondsMin = 600;

/** Signs what was approved for Kubernetes' own signers, with the authority of the API: pkg/controller/certificates/signer. */
export const requestSigner: ControllerDescriptor = {
  name: "certificatesigningrequest-signing-controller",
  aliases: ["csrsigning"],
  create(context) {
    const { signer } = context.settings;
    if (signer === undefined) return { run: async () => {} };
    const queue = requestQueue(context, "csrsigning", (request) => sign(context, signer, request));
    return { run: () => workUntil(context.signal, queue) };
  },
};

async function sign(
  { client, clock, random }: ControllerContext,
  authority: CertificatePair,
  request: SigningRequest,
): Promise<void> {
  const { spec, status } = request;
  if (conditionOf(request, "Approved")?.status !== "True" || conditionOf(request, "Denied")) return;
  if (conditionOf(request, "Failed") || status?.certificate || !signs(spec.signerName)) return;
  const parsed = parseCertificateRequest(spec.request);
  const usages = spec.usages ?? [];
  const problem = problemOf(spec.signerName, parsed, usages);
  if (problem !== undefined) {
    const failed = { type: "Failed", status: "True", reason: "SignerValidationFailure", message: problem };
    const conditions = [...(status?.conditions ?? []), failed];
    await client.update(
      certificateSigningRequests,
      { ...request, status: { ...status, conditions } },
      "status",
    );
    return;
  }
  const { expirationSeconds = lifeSecondsMax } = spec;
  const lifeSeconds = Math.min(Math.max(expirationSeconds, lifeSecondsMin), lifeSecondsMax);
  const terms = { usages, lifeMs: lifeSeconds * 1000, now: clock.now() };
  const pem = signCertificateRequest(authority, parsed, terms, { random });
  const certificate = Buffer.from(pem).toString("base64");
  await client.update(
    certificateSigningRequests,
    { ...request, status: { ...status, certificate } },
    "status",
  );
}

const signs = (name: string): boolean => (Object.values(signerNames) as string[]).includes(name);

function problemOf(
  signer: string,
  request: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  switch (signer) {
    case signerNames.kubeletServing:
      return kubeletServingProblem(request, usages);
    case signerNames.kubeletClient:
      return kubeletClientProblem(request, usages);
    case signerNames.apiClient:
      return clientUsagesProblem(usages);
    default:
      return undefined;
  }
}

function clientUsagesProblem(usages: readonly string[]): string | undefined {
  const optional = ["digital signature", "key encipherment"];
  const strange = usages.find((usage) => usage !== "client auth" && !optional.includes(usage));
  if (strange !== undefined) return `invalid usage for client certificate: ${strange}`;
  return usages.includes("client auth")
    ? undefined
    : "missing required usage for client certificate: client auth";
}
