import type { IncomingMessage, ServerResponse } from "node:http";
import { ClassicRequest } from "./classic-request.ts";
import { ClassicResponse } from "./classic-response.ts";
import { ClassicSocket } from "./classic-socket.ts";
import { errorCode } from "./frames.ts";
import type { HttpDate } from "./http-date.ts";
import type { Http2Stream } from "./http2-stream.ts";
import type { RequestHandler } from "./ports.ts";

/** A stream as the request and response that handlers made for node:http expect. */
export function serveClassic(stream: Http2Stream, date: HttpDate, onRequest: RequestHandler): void {
  const request = new ClassicRequest(stream, ClassicSocket.of(stream.connection));
  const response = new ClassicResponse(stream, request, date);
  // The body waits until somebody reads it.
  stream.pause();
  stream.receive({
    data: (chunk) => request.takeData(chunk),
    ended: () => request.takeEnd(),
    drain: () => void response.emit("drain"),
    sent: () => response.sent(),
    closed: (code) => {
      // A request that was whole and is answered may well never have been read.
      const over = stream.remoteEnded && stream.localEnded;
      if (!request.complete && !over) request.abort(code === errorCode.noError);
      else if (request.listenerCount("close") > 0) request.destroy();
      response.closedByStream();
    },
  });
  // RFC 9110, section 10.1.1.
  if (stream.headers["expect"] === "100-continue") stream.inform("100");
  onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse);
}
