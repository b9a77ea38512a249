import { deepEqual, type UserInfo } from "../apimachinery/index.ts";
import {
  type Authorizer,
  CertificateRequestError,
  parseCertificateRequest,
  signerNames,
} from "../auth/index.ts";
import { refused } from "./forbidden.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./ports.ts";

/** Who may decide on a CertificateSigningRequest, besides who may write it: a permission on its signer. */

const concerns = (request: AdmissionRequest, subresource: string): boolean =>
  request.resource.group === "certificates.k8s.io" &&
  request.resource.resource === "certificatesigningrequests" &&
  request.subresource === subresource &&
  request.operation !== "DELETE";

/** On the signer by its name, or on all of its domain: `example.com/*`. */
async function mayForSigner(
  authorizer: Authorizer,
  user: UserInfo,
  verb: string,
  signer: string,
): Promise<boolean> {
  for (const name of [signer, `${signer.split("/")[0]}/*`]) {
    const resource = {
      group: "certificates.k8s.io",
      resource: "signers",
      subresource: "",
      namespace: "",
      name,
    };
    if ((await authorizer.authorize({ user, verb, resource, path: "" })).allowed) return true;
  }
  return false;
}

/** Approving needs `approve` on the signer. */
export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "CertificateApproval",
    resources: ["certificatesigningrequests"],
    async validate(request) {
      if (!concerns(request, "approval")) return;
      const signer: string = request.old?.["spec"]?.signerName ?? "";
      if (await mayForSigner(authorizer, request.user, "approve", signer)) return;
      throw refused(
        request,
        `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`,
      );
    },
  };
}

/** Putting a certificate or a condition into the status needs `sign` on the signer. */
export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "CertificateSigning",
    resources: ["certificatesigningrequests"],
    async validate(request) {
      if (!concerns(request, "status")) return;
      const { certificate: next, conditions: nextConditions = [] } = request.object?.["status"] ?? {};
      const { certificate: old, conditions: oldConditions = [] } = request.old?.["status"] ?? {};
      if (next === old && deepEqual(nextConditions, oldConditions)) return;
      const signer: string = request.old?.["spec"]?.signerName ?? "";
      if (await mayForSigner(authorizer, request.user, "sign", signer)) return;
      throw refused(request, `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`);
    },
  };
}

/** Nobody gets a certificate for system:masters this way. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: "CertificateSubjectRestriction",
  resources: ["certificatesigningrequests"],
  validate(request) {
    if (!concerns(request, "") || request.operation !== "CREATE") return;
    const { signerName, request: pem = "" } = request.object?.["spec"] ?? {};
    if (signerName !== signerNames.apiClient) return;
    try {
      if (!parseCertificateRequest(pem).organizations.includes("system:masters")) return;
    } catch (error) {
      if (!(error instanceof CertificateRequestError)) throw error;
      throw refused(request, `failed to parse CSR: ${error.message}`);
    }
    throw refused(request, `use of ${signerNames.apiClient} signer with system:masters group is not allowed`);
  },
};
