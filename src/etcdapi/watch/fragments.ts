import { type Draft, encode, etcdserverpb, type mvccpb } from "../../wire/index.ts";

/** What one event takes besides keys and values, at most: numbers, tags and lengths of two key-values. */
const eventOverheadBytes = 128;
/** What a response takes besides its events, at most. */
const responseOverheadBytes = 64;

/** Cuts a response of `bytesMax` and more into such of fewer, or of one event, as etcd does; all parts but the last say `fragment`. */
export function* fragmentsOf(
  response: Draft<etcdserverpb.WatchResponse>,
  bytesMax: number,
): Generator<Draft<etcdserverpb.WatchResponse>> {
  const { events = [] } = response;
  if (events.length < 2 || !mayReach(bytesMax, events) || bytesOf(response) < bytesMax) {
    yield response;
    return;
  }
  const emptyBytes = bytesOf({ ...response, events: [], fragment: true });
  let first = 0;
  let bytes = emptyBytes;
  for (let i = 0; i < events.length; i++) {
    const size = eventBytes(events[i] as Draft<mvccpb.Event>);
    if (i > first && bytes + size >= bytesMax) {
      yield { ...response, events: events.slice(first, i), fragment: true };
      first = i;
      bytes = emptyBytes;
    }
    bytes += size;
  }
  yield { ...response, events: events.slice(first) };
}

function mayReach(bytesMax: number, events: readonly Draft<mvccpb.Event>[]): boolean {
  let bytes = responseOverheadBytes;
  for (const event of events) bytes += sizeOf(event);
  return bytes >= bytesMax;
}

function bytesOf(response: Draft<etcdserverpb.WatchResponse>): number {
  return encode(etcdserverpb.WatchResponse, response).length;
}

/** Of an event in a response. */
function eventBytes(event: Draft<mvccpb.Event>): number {
  return encode(etcdserverpb.WatchResponse, { events: [event] }).length;
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
