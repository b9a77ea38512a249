/** Labels by which a node could draw workloads to itself: k8s.io/kubelet/pkg/apis well_known_labels.go. */

const kubeletLabels: ReadonlySet<string> = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "node.kubernetes.io/instance-type",
  "beta.kubernetes.io/instance-type",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
]);
const kubeletDomains = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const kubernetesDomains = ["kubernetes.io", "k8s.io"];
const restrictedDomains = ["node-restriction.kubernetes.io"];

/** Labels that differ and that a node may not change on itself, sorted. */
export function forbiddenLabels(
  next: Readonly<Record<string, string>>,
  old: Readonly<Record<string, string>>,
): string[] {
  const changed = [...new Set([...Object.keys(next), ...Object.keys(old)])].filter(
    (key) => next[key] !== old[key],
  );
  return changed.filter(isForbidden).sort();
}

function isForbidden(label: string): boolean {
  if (isIn(label, restrictedDomains)) return true;
  return isIn(label, kubernetesDomains) && !kubeletLabels.has(label) && !isIn(label, kubeletDomains);
}

function isIn(label: string, domains: readonly string[]): boolean {
  const slash = label.indexOf("/");
  const domain = slash < 0 ? "" : label.slice(0, slash);
  return domains.some((one) => domain === one || domain.endsWith(`.${one}`));
}
