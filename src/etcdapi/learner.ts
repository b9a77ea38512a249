import { etcdserverpb } from "../wire/index.ts";
import { deaf } from "./callers.ts";
import { notForLearners } from "./errors.ts";
import type { Method } from "./method.ts";
import type { ClusterInfo } from "./ports.ts";

/**
 * The method, refused while this member is a learner: that answers for itself (Status, serializable ranges), and sends everything else to the
 * members that vote (https://etcd.io/docs/v3.6/learning/design-learner/).
 */
export function refusedByLearners(method: Method, cluster: ClusterInfo): Method {
  if (method.info === etcdserverpb.MaintenanceService.Status) return method;
  if (method.kind === "unary") {
    return {
      ...method,
      handle(request, signal) {
        if (cluster.isLearner?.() && !isSerializableRange(method, request))
          return Promise.reject(notForLearners());
        return method.handle(request, signal);
      },
    };
  }
  return {
    ...method,
    open(reply) {
      if (!cluster.isLearner?.()) return method.open(reply);
      reply.end(notForLearners());
      return deaf;
    },
  };
}

function isSerializableRange({ info }: Method, request: unknown): boolean {
  return info === etcdserverpb.KVService.Range && (request as etcdserverpb.RangeRequest).serializable;
}
