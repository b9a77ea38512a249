/**
 * HTTP over byte streams that somebody else accepted: HTTP/2 and HTTP/1.1 behind one small interface. HTTP/2 is our own
 * (http2-connection.ts says how it goes together), HTTP/1.1 is node:http; nothing above this room knows. And the other side of HTTP/2, over
 * byte streams that somebody else opened (client-connection.ts).
 */
export { type BodySource, endWith, type TakesSource, wholeBody } from "./body-source.ts";
export { createHttpClient } from "./client.ts";
export { connectionOf } from "./connection-of.ts";
export type { ServerLimits } from "./limits.ts";
export {
  type AnswerReceiver,
  type HeaderFields,
  type HttpClient,
  type HttpHandlers,
  type HttpServer,
  type IncomingStream,
  type OutgoingStream,
  type RequestHandler,
  resetCode,
  type StreamReceiver,
  type TakeConnection,
} from "./ports.ts";
export { createHttpServer, type HttpServerOptions } from "./server.ts";
export { acceptWebSocket, type Upgrade } from "./web-socket.ts";
