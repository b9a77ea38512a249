import type { IncomingMessage, ServerResponse } from "node:http";

const methods = "POST, GET, OPTIONS, PUT, DELETE";
const headers = "accept, content-type, authorization";

/** Tells a browser whether a page of another origin may call. True: that was all it asked. */
export function allowOrigin(
  request: IncomingMessage,
  response: ServerResponse,
  allowed: readonly string[],
): boolean {
  const { origin } = request.headers;
  const granted = allowed.includes("*") ? "*" : allowed.find((one) => one === origin);
  if (granted === undefined) return false;
  response.setHeader("access-control-allow-methods", methods);
  response.setHeader("access-control-allow-origin", granted);
  response.setHeader("access-control-allow-headers", headers);
  if (request.method !== "OPTIONS") return false;
  request.resume();
  response.writeHead(200);
  response.end();
  return true;
}
