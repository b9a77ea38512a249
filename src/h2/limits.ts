/** Bounds of what the other side says in header blocks. */
export interface HeaderLimits {
  /** Bytes of one request's header fields, counted as RFC 9113 section 6.5.2 does. A kubectl token takes about 2,000. */
  readonly headerBytesMax: number;
  /** Header fields of one request. */
  readonly headerFieldsMax: number;
}

/** Bounds of what the other side does that nobody asked for. */
export interface ConductLimits {
  /** Streams that it may break off, or make us break off, at once and per second (CVE-2023-44487, CVE-2025-8671). */
  readonly resetsBurst: number;
  readonly resetsPerSecond: number;
  /** Frames that ask for nothing (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty ones) at once and per second. */
  readonly idleFramesBurst: number;
  readonly idleFramesPerSecond: number;
}

/** Bounds of either side of an HTTP/2 connection. */
export interface EndpointLimits extends HeaderLimits, ConductLimits {
  /** Bytes that the other side may send on one stream before its receiver has taken some. */
  readonly streamWindowBytes: number;
  /** The same on one connection. */
  readonly connectionWindowBytes: number;
  /** Bytes of frames other than DATA that wait for the other side; one that makes us write and does not read is cut off. */
  readonly controlBytesMax: number;
}

/** Bounds of one HTTP server. Every field of ServerLimits may be given to `createHttpServer`; these are the defaults. */
export interface ServerLimits extends EndpointLimits {
  /** Connections at a time; more are closed as they come. */
  readonly connectionsMax: number;
  /** Streams at a time on one HTTP/2 connection. kube-apiserver says 1,000; etcd's watchers share streams. */
  readonly streamsMax: number;
  /** Bytes of answers that wait on one HTTP/2 connection for its client; above it new streams are refused. */
  readonly queuedBytesMax: number;
  /** Bytes of answers at which a connection is given up: its client reads too little of what it asks for. */
  readonly queuedBytesEnough: number;
  /** Milliseconds from accepting a connection to its first complete request (HTTP/1) or SETTINGS frame (HTTP/2). */
  readonly firstRequestMs: number;
  /** Milliseconds an HTTP/1 connection may go without a request; complete ones count, bytes do not. */
  readonly idleMs: number;
  /** Milliseconds that the reason for ending an HTTP/2 connection may take to get to the client. */
  readonly lingerMs: number;
}

export const serverLimits: ServerLimits = {
  connectionsMax: 10_000,
  streamsMax: 1000,
  headerBytesMax: 65_536,
  headerFieldsMax: 200,
  // A largest put fits.
  streamWindowBytes: 2 * 1024 * 1024,
  connectionWindowBytes: 8 * 1024 * 1024,
  queuedBytesMax: 64 * 1024 * 1024,
  queuedBytesEnough: 256 * 1024 * 1024,
  controlBytesMax: 1024 * 1024,
  resetsBurst: 1000,
  resetsPerSecond: 50,
  idleFramesBurst: 10_000,
  idleFramesPerSecond: 10_000,
  firstRequestMs: 10_000,
  idleMs: 90_000,
  lingerMs: 1000,
};

/** Bounds of one connection that we opened. */
export interface ClientLimits extends EndpointLimits {
  /** Streams at a time, whatever the server would allow. */
  readonly streamsMax: number;
  /** Bytes of requests that wait for the server; above it no stream is opened. */
  readonly queuedBytesMax: number;
  /** Milliseconds until the server's SETTINGS must be there. */
  readonly settingsMs: number;
  /** Milliseconds of silence, while streams are open, after which we ask whether the server is there. etcd allows one in 5,000. */
  readonly keepAliveMs: number;
  /** Milliseconds that it has for the answer. */
  readonly keepAliveTimeoutMs: number;
}

export const clientLimits: ClientLimits = {
  headerBytesMax: 65_536,
  headerFieldsMax: 200,
  resetsBurst: 10_000,
  resetsPerSecond: 1000,
  idleFramesBurst: 10_000,
  idleFramesPerSecond: 10_000,
  streamsMax: 10_000,
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  queuedBytesMax: 64 * 1024 * 1024,
  controlBytesMax: 1024 * 1024,
  settingsMs: 10_000,
  keepAliveMs: 30_000,
  keepAliveTimeoutMs: 10_000,
};
