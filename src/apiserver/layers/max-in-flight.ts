import { readsInFlightMax, writesInFlightMax } from "../limits.ts";
import type { RequestInfo } from "../request-info.ts";
import type { ApiContext, Handler, Layer, Reply } from "../state.ts";

const tooMany: Reply = {
  status: 429,
  headers: {
    "content-type": "text/plain; charset=utf-8",
    "retry-after": "1",
    "x-content-type-options": "nosniff",
  },
  body: "Too many requests, please try again later.\n",
};

const reads: ReadonlySet<string> = new Set(["get", "list"]);

const longSubresources: ReadonlySet<string> = new Set(["attach", "exec", "log", "portforward", "proxy"]);

/** Requests that last as long as somebody wants. */
export const isLong = ({ verb, subresource }: RequestInfo): boolean =>
  verb === "watch" || longSubresources.has(subresource);

/** Requests answered at the same time; Infinity for as many as come. */
export interface InFlightLimits {
  readonly reads: number;
  readonly writes: number;
}

export const standardLimits: InFlightLimits = { reads: readsInFlightMax, writes: writesInFlightMax };

/** Sheds load: so many reads and so many writes at the same time. Watches and the administrators' group are not counted. */
export function maxInFlight(limits: InFlightLimits): Layer {
  let reading = 0;
  let writing = 0;
  const counted = async (isRead: boolean, context: ApiContext, next: Handler): Promise<void> => {
    if (isRead) reading++;
    else writing++;
    try {
      await next(context);
    } finally {
      if (isRead) reading--;
      else writing--;
    }
  };
  return (context, next) => {
    const { state } = context;
    if (isLong(state.info) || state.user.groups.includes("system:masters")) return next(context);
    const isRead = reads.has(state.info.verb);
    if (isRead ? reading >= limits.reads : writing >= limits.writes) {
      state.reply = tooMany;
      return Promise.resolve();
    }
    return counted(isRead, context, next);
  };
}
