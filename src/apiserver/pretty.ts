import type { RequestInfo } from "./request-info.ts";

/** Whether JSON is to be indented: asked for, or a browser or curl without saying otherwise. */
export function wantsPretty({ query }: RequestInfo, userAgent: string | undefined): boolean {
  if (query.has("pretty")) return query.flag("pretty");
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent ?? "");
}
