import type { Draft, etcdserverpb, mvccpb } from "../../wire/index.ts";
import { watchFragmentBytesMax } from "../limits.ts";

/** What one event takes besides keys and values, at most: numbers, tags and lengths of two key-values. */
const eventOverheadBytes = 128;

/** Cuts a response that is too large for a client's message limit; all parts but the last say `fragment`. */
export function* fragmentsOf(
  response: Draft<etcdserverpb.WatchResponse>,
): Generator<Draft<etcdserverpb.WatchResponse>> {
  const events = response.events ?? [];
  let first = 0;
  let bytes = 0;
  for (let i = 0; i < events.length; i++) {
    const size = sizeOf(events[i] as Draft<mvccpb.Event>);
    if (i > first && bytes + size > watchFragmentBytesMax) {
      yield { ...response, events: events.slice(first, i), fragment: true };
      first = i;
      bytes = 0;
    }
    bytes += size;
  }
  yield first === 0 ? response : { ...response, events: events.slice(first) };
}

/** Bytes of an event in a response, at most. */
export function sizeOf({ kv, prevKv }: Pick<Draft<mvccpb.Event>, "kv" | "prevKv">): number {
  return (
    eventOverheadBytes +
    (kv?.key?.length ?? 0) +
    (kv?.value?.length ?? 0) +
    (prevKv?.key?.length ?? 0) +
    (prevKv?.value?.length ?? 0)
  );
}
