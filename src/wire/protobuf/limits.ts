/**
 * Messages inside messages that are followed; deeper input is refused. Go's runtime stops at 10,000, but recursion
 * costs stack here and no message of etcd or Kubernetes needs more than about thirty (a JSON schema of a CRD).
 */
export const messageDepthMax = 100;

/** Bytes of a writer's chunk: a few hundred typical answers share one, larger messages get one of their own. */
export const writerChunkBytes = 65_536;
