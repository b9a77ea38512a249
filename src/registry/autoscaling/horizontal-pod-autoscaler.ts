import { nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";
import { metricsCell } from "./table.ts";
import type { HorizontalPodAutoscaler } from "./types.ts";
import { validateSpec } from "./validate.ts";

/** Until the controller has looked. */
const noStatus = { currentMetrics: null, desiredReplicas: 0 };

/** Scales what `scaleTargetRef` names by what is measured. */
export const horizontalPodAutoscalerStrategy: Strategy<HorizontalPodAutoscaler> = {
  namespaced: true,
  prepareForCreate: (autoscaler) => {
    autoscaler.status = noStatus;
    return autoscaler;
  },
  prepareForUpdate: (next, old) => {
    next.status = old.status ?? noStatus;
    return next;
  },
  validate: validateSpec,
  validateUpdate: (next) => validateSpec(next),
  resetFields: [["status"]],
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: ({ status }) => [
      ...nonNegative("status.currentReplicas", status?.currentReplicas),
      ...nonNegative("status.desiredReplicas", status?.desiredReplicas),
    ],
    resetFields: [["spec"]],
  },
  tableRow: (autoscaler, now) => {
    const { spec, status } = autoscaler;
    const { kind = "", name = "" } = spec.scaleTargetRef ?? {};
    return [
      nameOf(autoscaler),
      `${kind}/${name}`,
      metricsCell(spec.metrics, status?.currentMetrics),
      spec.minReplicas === undefined ? "<unset>" : String(spec.minReplicas),
      spec.maxReplicas ?? 0,
      status?.currentReplicas ?? 0,
      age(autoscaler, now),
    ];
  },
};
