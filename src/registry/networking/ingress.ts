import type { Json, KubeObject } from "../../apimachinery/index.ts";
import { field } from "../../apimachinery/index.ts";
import { countWanted } from "../rules/replicas.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf, none } from "../tables/cells.ts";
import {
  type IngressSpec,
  type IngressStatus,
  ingressTolerance,
  strictIngress,
  validateIngressSpec,
  validateIngressStatus,
} from "./ingress-validate.ts";

interface Ingress extends KubeObject {
  spec: IngressSpec;
  status?: IngressStatus;
}

/** How a class was named before there were IngressClasses. */
const classAnnotation = "kubernetes.io/ingress.class";

export const ingressStrategy: Strategy<Ingress> = {
  namespaced: true,
  metadataOnUpdate: ["changes", "object"],
  prepareForCreate: (ingress) => {
    ingress.status = {};
    ingress.metadata.generation = 1;
    return ingress;
  },
  prepareForUpdate: (next, old) => {
    next.status = old.status ?? {};
    return countWanted(next, old);
  },
  validate: ({ metadata, spec }) => {
    const errors = validateIngressSpec(spec, strictIngress);
    const annotated = metadata.annotations?.[classAnnotation];
    const { ingressClassName } = spec;
    if (annotated !== undefined && ingressClassName !== undefined && annotated !== ingressClassName) {
      const detail = "must match `ingressClassName` when both are specified";
      errors.push(field.invalid(`annotations.${classAnnotation}`, annotated, detail));
    }
    return errors;
  },
  validateUpdate: (next, old) => validateIngressSpec(next.spec, ingressTolerance(old.spec)),
  warnings: ({ metadata, spec }) =>
    metadata.annotations?.[classAnnotation] !== undefined && spec.ingressClassName === undefined
      ? [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`]
      : [],
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: (next, old) => validateIngressStatus(next.status, old.status),
    resetFields: [["spec"]],
  },
  resetFields: [["status"]],
  tableRow,
};

function tableRow(ingress: Ingress, now: number): Json[] {
  const { metadata, spec, status } = ingress;
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || (hostname ?? ""));
  return [
    nameOf(ingress),
    spec.ingressClassName ?? metadata.annotations?.[classAnnotation] ?? none,
    hostsCell(ingress),
    [...new Set(addresses)]
      .filter((address) => address !== "")
      .sort()
      .join(","),
    (spec.tls?.length ?? 0) > 0 ? "80, 443" : "80",
    age(ingress, now),
  ];
}

const hostsShownMax = 3;

/** `a.example,b.example`; the first few of many. */
function hostsCell({ spec }: Ingress): string {
  const shown: string[] = [];
  const rules = spec.rules ?? [];
  let cut = false;
  for (const { host } of rules) {
    if (shown.length === hostsShownMax) cut = true;
    else if (host) shown.push(host);
  }
  if (shown.length === 0) return "*";
  const text = shown.join(",");
  return cut ? `${text} + ${rules.length - hostsShownMax} more...` : text;
}
