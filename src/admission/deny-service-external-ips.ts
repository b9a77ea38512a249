import { refused } from "./forbidden.ts";
import type { AdmissionPlugin } from "./ports.ts";

/** No Service may take addresses of its own choosing to itself; those that have some may give them up: upstream's DenyServiceExternalIPs. */
export const denyServiceExternalIps: AdmissionPlugin = {
  name: "DenyServiceExternalIPs",
  validate(request) {
    const { resource, subresource, object, old } = request;
    if (resource.group !== "" || resource.resource !== "services" || subresource !== "") return;
    const before: readonly string[] = old?.["spec"]?.externalIPs ?? [];
    const asked: readonly string[] = object?.["spec"]?.externalIPs ?? [];
    if (asked.some((ip) => !before.includes(ip)))
      throw refused(request, "Use of external IPs is denied by admission control");
  },
};
