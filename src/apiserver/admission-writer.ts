import type { AdmissionWriter } from "../admission/index.ts";
import type { Clock } from "../platform/index.ts";
import type { Registry } from "../registry/index.ts";
import { registryReader } from "./admission-reader.ts";
import { writeAsServer } from "./write-as-server.ts";

/** What admission plugins write: statuses of their own objects, as the server itself. */
export function registryWriter(registry: Registry, clock: Clock): AdmissionWriter {
  const reader = registryReader(registry, clock);
  return {
    read: (resource, at) => reader.get(resource, { ...at, fresh: true }),
    updateStatus(resource, object) {
      const { namespace = "", name = "" } = object.metadata;
      const status = { ...resource, resource: `${resource.resource}/status` };
      const target = { ...status, namespace, name, now: clock.now() };
      return writeAsServer(registry, target, () => structuredClone(object));
    },
  };
}
