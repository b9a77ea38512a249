import { parseBool } from "../base/index.ts";
import type { RequestInfo } from "./request-info.ts";

/** Whether JSON is to be indented: asked for, or a browser or curl without saying otherwise. */
export function wantsPretty({ query }: RequestInfo, userAgent: string | undefined): boolean {
  const asked = query.get("pretty");
  if (asked !== "") return parseBool(asked) === true;
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent ?? "");
}
