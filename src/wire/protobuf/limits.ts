/**
 * Messages inside messages that are followed; deeper input is refused. Go's runtime stops at 10,000, but recursion
 * costs stack here. Transactions nest deepest: by default etcd takes 128 operations, one in the other, and each is two messages.
 */
export const messageDepthMax = 300;

/** Bytes of a writer's chunk: a few hundred typical answers share one, larger messages get one of their own. */
export const writerChunkBytes = 65_536;
