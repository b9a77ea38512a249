import type { KubeObject } from "../../apimachinery/index.ts";
import { kubeletClientProblem, parseCertificateRequest, signerNames } from "../../auth/index.ts";
import type { Client } from "../../client/index.ts";
import type { ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { certificateSigningRequests, subjectAccessReviews } from "../resources.ts";
import { conditionOf, requestQueue, type SigningRequest } from "./requests.ts";

/** Approves client certificates that kubelets ask for, where roles let them: pkg/controller/certificates/approver. */
export const requestApprover: ControllerDescriptor = {
  name: "certificatesigningrequest-approving-controller",
  aliases: ["csrapproving"],
  create(context) {
    const queue = requestQueue(context, "csrapproving", (request) => approve(context.client, request));
    return { run: () => workUntil(context.signal, queue) };
  },
};

async function approve(client: Client, request: SigningRequest): Promise<void> {
  if (request.status?.certificate || conditionOf(request, "Approved") || conditionOf(request, "Denied"))
    return;
  for (const { subresource, message } of recognized(request)) {
    if (!(await isAllowed(client, request, subresource))) continue;
    const conditions = request.status?.conditions ?? [];
    const approved = { type: "Approved", status: "True", reason: "AutoApproved", message };
    const status = { ...request.status, conditions: [...conditions, approved] };
    await client.update(certificateSigningRequests, { ...request, status }, "approval");
    return;
  }
}

/** As what the request may be approved: a node's own renewal, or any node's certificate. */
function recognized({ spec }: SigningRequest): { subresource: string; message: string }[] {
  if (spec.signerName !== signerNames.kubeletClient) return [];
  const request = parseCertificateRequest(spec.request);
  if (kubeletClientProblem(request, spec.usages ?? []) !== undefined) return [];
  const own = {
    subresource: "selfnodeclient",
    message: "Auto approving self kubelet client certificate after SubjectAccessReview.",
  };
  const any = {
    subresource: "nodeclient",
    message: "Auto approving kubelet client certificate after SubjectAccessReview.",
  };
  return spec.username === request.commonName ? [own, any] : [any];
}

async function isAllowed(client: Client, { spec }: SigningRequest, subresource: string): Promise<boolean> {
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    metadata: {},
    spec: {
      user: spec.username ?? "",
      uid: spec.uid ?? "",
      groups: spec.groups ?? [],
      extra: spec.extra ?? {},
      resourceAttributes: {
        group: "certificates.k8s.io",
        version: "*",
        resource: "certificatesigningrequests",
        subresource,
        verb: "create",
      },
    },
  };
  const answer: KubeObject = await client.create<KubeObject>(subjectAccessReviews, review);
  return answer["status"]?.allowed === true;
}
