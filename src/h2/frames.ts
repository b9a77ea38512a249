import { resetCode } from "./ports.ts";

/**
 * The vocabulary of RFC 9113. Every frame is nine bytes and a payload (section 4.1):
 *
 *     0      3     4      5            9
 *     ├length┼type┼flags┼─stream id──┼─ payload, `length` bytes ─┤
 */
export const frameHeaderBytes = 9;

/** Payload bytes of a frame: what everybody must take (section 4.2). We neither ask for more nor send more. */
export const framePayloadBytesMax = 16_384;

/** Section 6. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Section 6.5.2. */
export const setting = {
  enablePush: 2,
  concurrentStreamsMax: 3,
  initialWindowSize: 4,
  framePayloadBytesMax: 5,
  headerListBytesMax: 6,
} as const;

/** Section 7. */
export const errorCode = {
  ...resetCode,
  protocolError: 1,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  compressionError: 9,
} as const;

/** What both sides begin with, whatever SETTINGS say later (section 6.9.2). */
export const initialWindowBytes = 65_535;

/** Section 6.9.1. */
export const windowBytesMax = 2 ** 31 - 1;

/** The highest stream there can be (section 5.1.1). */
export const streamIdMax = 2 ** 31 - 1;

/** Ends the connection with a GOAWAY of this code (section 5.4.1). */
export class ConnectionError extends Error {
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** Most rules end so. */
export function violation(reason: string): ConnectionError {
  return new ConnectionError(errorCode.protocolError, reason);
}
