import type { ServerResponse } from "node:http";

/** What people see where no endpoint can answer. */
export function sendPage(
  response: ServerResponse,
  status: 400 | 502 | 503 | 504,
  title: string,
  why: string,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = status;
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.setHeader("cache-control", "private, max-age=0, no-cache, no-store");
  response.end(
    `<!doctype html><html lang="en"><head><title>${title}</title></head><body><h1>${title}</h1><p>${why}</p></body></html>\n`,
  );
}
