import type { ServedVersion } from "../strategies.ts";
import { fromCoreEvent, toCoreEvent } from "./convert.ts";
import { eventsEventStrategy } from "./event.ts";

/** events.k8s.io/v1. */
export const eventsV1: ServedVersion = {
  group: "events.k8s.io",
  version: "v1",
  resources: { events: eventsEventStrategy },
  storedAs: {
    events: {
      resource: { group: "", version: "v1", resource: "events" },
      toStored: toCoreEvent,
      fromStored: fromCoreEvent,
    },
  },
};
