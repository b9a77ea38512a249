import type { Clock, Connection } from "../platform/index.ts";
import { serveClassic } from "./classic.ts";
import { HeaderEncoder } from "./header-encoder.ts";
import { HttpDate } from "./http-date.ts";
import { Http2Connection } from "./http2-connection.ts";
import type { Http2Stream } from "./http2-stream.ts";
import type { ServerLimits } from "./limits.ts";
import type { HttpHandlers } from "./ports.ts";
import type { ServedConnection } from "./served-connection.ts";

export interface Http2 {
  serve(connection: Connection): ServedConnection;
}

/** HTTP/2 on connections that others accepted. */
export function createHttp2(handlers: HttpHandlers, limits: ServerLimits, clock: Clock): Http2 {
  const encoder = new HeaderEncoder();
  const date = new HttpDate(clock);
  const onStream = (stream: Http2Stream): void => {
    if (!handlers.onStream?.(stream)) serveClassic(stream, date, handlers.onRequest);
  };
  const options = { limits, clock, encoder, onStream };
  return { serve: (connection) => new Http2Connection(connection, options) };
}
