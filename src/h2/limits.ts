/** Bounds of one HTTP server. Every field of ServerLimits may be given to `createHttpServer`; these are the defaults. */
export interface ServerLimits {
  /** Connections at a time; more are closed as they come. */
  readonly connectionsMax: number;
  /** Streams at a time on one HTTP/2 connection. kube-apiserver says 1,000; etcd's watchers share streams. */
  readonly streamsMax: number;
  /** Bytes of one request's header fields, counted as RFC 9113 section 6.5.2 does. A kubectl token takes about 2,000. */
  readonly headerBytesMax: number;
  /** Header fields of one request. */
  readonly headerFieldsMax: number;
  /** Bytes a client may send on one stream before we have taken some. A largest put fits. */
  readonly streamWindowBytes: number;
  /** Bytes a client may send on one connection before we have taken some. */
  readonly connectionWindowBytes: number;
  /** Megabytes that one HTTP/2 connection may take; above it new streams are refused. */
  readonly sessionMegabytesMax: number;
  /** Milliseconds from accepting a connection to its first complete request (HTTP/1) or SETTINGS frame (HTTP/2). */
  readonly firstRequestMs: number;
  /** Milliseconds an HTTP/1 connection may go without a request; complete ones count, bytes do not. */
  readonly idleMs: number;
}

export const serverLimits: ServerLimits = {
  connectionsMax: 10_000,
  streamsMax: 1000,
  headerBytesMax: 65_536,
  headerFieldsMax: 200,
  streamWindowBytes: 2 * 1024 * 1024,
  connectionWindowBytes: 8 * 1024 * 1024,
  sessionMegabytesMax: 64,
  firstRequestMs: 10_000,
  idleMs: 90_000,
};
