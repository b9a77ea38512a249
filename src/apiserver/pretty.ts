import type { RequestInfo } from "./request-info.ts";

/** What Go's ParseBool takes for true. */
const goTrue: ReadonlySet<string> = new Set(["1", "t", "T", "true", "TRUE", "True"]);

/** Whether JSON is to be indented: asked for, or a browser or curl without saying otherwise. */
export function wantsPretty({ query }: RequestInfo, userAgent: string | undefined): boolean {
  const asked = query.get("pretty");
  if (asked !== "") return goTrue.has(asked);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent ?? "");
}
