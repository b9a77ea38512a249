import { admissionRegistrationV1 } from "./admissionregistration/index.ts";
import { apiextensionsV1 } from "./apiextensions/index.ts";
import { apiregistrationV1 } from "./apiregistration/index.ts";
import { appsV1 } from "./apps/index.ts";
import { authenticationV1 } from "./authentication/index.ts";
import { authorizationV1 } from "./authorization/index.ts";
import { autoscalingV1, autoscalingV2 } from "./autoscaling/index.ts";
import { batchV1 } from "./batch/index.ts";
import { certificatesV1 } from "./certificates/index.ts";
import { coordinationV1 } from "./coordination/index.ts";
import { coreV1 } from "./core/index.ts";
import { discoveryV1 } from "./discovery/index.ts";
import { eventsV1 } from "./events/index.ts";
import { flowcontrolV1 } from "./flowcontrol/index.ts";
import { networkingV1 } from "./networking/index.ts";
import { nodeV1 } from "./node/index.ts";
import { policyV1 } from "./policy/index.ts";
import { rbacV1 } from "./rbac/index.ts";
import { resourceV1 } from "./resource/index.ts";
import { schedulingV1 } from "./scheduling/index.ts";
import { storageV1 } from "./storage/index.ts";
import type { ServedVersion } from "./strategies.ts";

/** Whether a version is served, or one of its resources. */
export function isServed(group: string, version: string, resource?: string): boolean {
  return servedVersions.some(
    (served) =>
      served.group === group &&
      served.version === version &&
      (resource === undefined ||
        Object.hasOwn(served.resources, resource) ||
        Object.hasOwn(served.reviews ?? {}, resource)),
  );
}

/**
 * What this server serves, a group version after the other. A resource is listed once its rules are here: never advertise one
 * whose rules are missing in a way that users would notice.
 */
export const servedVersions: readonly ServedVersion[] = [
  coreV1,
  admissionRegistrationV1,
  appsV1,
  authenticationV1,
  authorizationV1,
  autoscalingV2,
  autoscalingV1,
  batchV1,
  certificatesV1,
  coordinationV1,
  discoveryV1,
  eventsV1,
  flowcontrolV1,
  networkingV1,
  nodeV1,
  policyV1,
  rbacV1,
  resourceV1,
  schedulingV1,
  storageV1,
  apiextensionsV1,
  apiregistrationV1,
];
