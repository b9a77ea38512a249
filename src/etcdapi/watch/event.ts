import type { KvEvent } from "../../kv/index.ts";
import { type Draft, mvccpb } from "../../wire/index.ts";

const { PUT, DELETE } = mvccpb.EventEventType.values;

/** The port's key-values have the message's fields. */
export function eventOf(event: KvEvent): Draft<mvccpb.Event> {
  return { type: event.type === "put" ? PUT : DELETE, kv: event.kv, prevKv: event.prevKv };
}
