import type { AlternativeName, CertificateRequest } from "./certificate-request.ts";

/** What the certificates of kubelets look like: k8s.io/kubernetes/pkg/apis/certificates/helpers.go. */

export const signerNames = {
  apiClient: "kubernetes.io/kube-apiserver-client",
  kubeletClient: "kubernetes.io/kube-apiserver-client-kubelet",
  kubeletServing: "kubernetes.io/kubelet-serving",
  legacyUnknown: "kubernetes.io/legacy-unknown",
} as const;

/** Why a request is none for a kubelet's client certificate; undefined where it is one. */
export function kubeletClientProblem(
  request: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  const refused: readonly [AlternativeName["type"], string][] = [
    ["dns", "DNS"],
    ["email", "Email"],
    ["ip", "IP"],
    ["uri", "URI"],
  ];
  if (!isOfNodes(request)) return "subject organization is not system:nodes";
  for (const [type, text] of refused) {
    if (has(request, type)) return `${text} subjectAltNames are not allowed`;
  }
  if (!isNamedAsNode(request)) return "subject common name does not begin with system:node:";
  return usagesProblem(usages, "client auth");
}

/** The same for the certificate with which a kubelet serves. */
export function kubeletServingProblem(
  request: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  if (!isOfNodes(request)) return "subject organization is not system:nodes";
  if (!has(request, "dns") && !has(request, "ip")) return "DNS or IP subjectAltName is required";
  if (has(request, "email")) return "Email subjectAltNames are not allowed";
  if (has(request, "uri")) return "URI subjectAltNames are not allowed";
  const usage = usagesProblem(usages, "server auth");
  if (usage !== undefined) return usage;
  return isNamedAsNode(request) ? undefined : "subject common name does not begin with system:node:";
}

const isOfNodes = ({ organizations }: CertificateRequest): boolean =>
  organizations.length === 1 && organizations[0] === "system:nodes";

const isNamedAsNode = ({ commonName }: CertificateRequest): boolean => commonName.startsWith("system:node:");

const has = ({ alternativeNames }: CertificateRequest, type: AlternativeName["type"]): boolean =>
  alternativeNames.some((name) => name.type === type);

/** Key encipherment is for RSA keys only, and may be left out. */
function usagesProblem(usages: readonly string[], purpose: string): string | undefined {
  const given = new Set(usages);
  const required = ["digital signature", purpose];
  const known = new Set([...required, "key encipherment"]);
  if (required.every((usage) => given.has(usage)) && [...given].every((usage) => known.has(usage)))
    return undefined;
  return `usages did not match [${[...known].sort().join(" ")}]`;
}
