import type { KubeObject } from "../../apimachinery/index.ts";

/** Fields of an events.k8s.io/v1 Event that core/v1 calls otherwise; all others have one name. */
const coreNames: Readonly<Record<string, string>> = {
  reportingController: "reportingComponent",
  regarding: "involvedObject",
  note: "message",
  deprecatedSource: "source",
  deprecatedFirstTimestamp: "firstTimestamp",
  deprecatedLastTimestamp: "lastTimestamp",
  deprecatedCount: "count",
};

const eventsNames: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(coreNames).map(([theirs, core]) => [core, theirs]),
);

/** The stored form of an events.k8s.io/v1 Event. */
export function toCoreEvent(event: KubeObject): KubeObject {
  return { ...renamed(event, coreNames), apiVersion: "v1" };
}

/** A stored Event as events.k8s.io/v1 shows it. */
export function fromCoreEvent(event: KubeObject): KubeObject {
  return { ...renamed(event, eventsNames), apiVersion: "events.k8s.io/v1" };
}

function renamed(event: KubeObject, names: Readonly<Record<string, string>>): KubeObject {
  const entries = Object.entries(event).map(([name, value]) => [names[name] ?? name, value]);
  return Object.fromEntries(entries) as KubeObject;
}
