/**
 * Whether a server answers the question how far a watch is only when all events up to there are sent. Before these versions
 * the answer could overtake events (etcd issues 15220 and 17507); kube-apiserver draws the line there, too.
 */
export function answersProgress(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.\-+]/, 3).map(Number);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 31;
  if (minor === 5) return patch >= 13;
  return minor > 5;
}
