/** Which part of a log is wanted: v1 PodLogOptions as a URL's query. */
export interface LogQuery {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  /** Milliseconds since 1970. */
  readonly sinceMs: number | undefined;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
}

/** Undefined where it says something that it may not. */
export function parseLogQuery(query: URLSearchParams, nowMs: number): LogQuery | undefined {
  const number = (name: string): number | undefined | "bad" => {
    const text = query.get(name);
    if (text === null || text === "") return undefined;
    return /^\d{1,15}$/.test(text) ? Number(text) : "bad";
  };
  const flag = (name: string): boolean => /^(true|1)$/i.test(query.get(name) ?? "");
  const tailLines = number("tailLines");
  const limitBytes = number("limitBytes");
  const sinceSeconds = number("sinceSeconds");
  const sinceTime = query.get("sinceTime");
  const since = sinceTime === null || sinceTime === "" ? undefined : Date.parse(sinceTime);
  if (tailLines === "bad" || limitBytes === "bad" || sinceSeconds === "bad" || Number.isNaN(since))
    return undefined;
  return {
    follow: flag("follow"),
    previous: flag("previous"),
    timestamps: flag("timestamps"),
    sinceMs: since ?? (sinceSeconds === undefined ? undefined : nowMs - sinceSeconds * 1000),
    tailLines,
    limitBytes,
  };
}
