import { deepEqual, type FieldError, field } from "../../apimachinery/index.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf, none } from "../tables/cells.ts";
import { mandatoryPriorityLevels } from "./bootstrap.ts";
import { keptRules } from "./kept-rules.ts";
import { type PriorityLevelConfiguration, type PriorityLevelSpec, validateFlowStatus } from "./types.ts";

const types = ["Exempt", "Limited"];
const responses = ["Queue", "Reject"];
const queuesMax = 10_000_000;
/** Bits of a flow's hash, of which its queues are dealt. */
const hashBitsMax = 60;

/** How many requests run and wait at one level. Kept as FlowSchemas are. */
export const priorityLevelStrategy: Strategy<PriorityLevelConfiguration> = {
  namespaced: false,
  metadataOnUpdate: ["object"],
  ...keptRules(),
  validate,
  validateUpdate: (next) => validate(next),
  tableRow: (level, now) => {
    const { type = "", limited } = level.spec;
    const queuing = limited?.limitResponse?.queuing;
    return [
      nameOf(level),
      type,
      limited?.nominalConcurrencyShares ?? none,
      queuing?.queues ?? none,
      queuing?.handSize ?? none,
      queuing?.queueLengthLimit ?? none,
      age(level, now),
    ];
  },
};

function validate(level: PriorityLevelConfiguration): FieldError[] {
  const name = nameOf(level);
  return [
    ...validateSpec(name, level.spec),
    ...validateMandatory(name, level.spec),
    ...validateFlowStatus(level),
  ];
}

/** What every cluster has may not be changed, but for how much the exempt level lends. */
function validateMandatory(name: string, spec: PriorityLevelSpec): FieldError[] {
  const mandatory = mandatoryPriorityLevels.find(({ metadata }) => metadata.name === name)?.spec;
  if (mandatory === undefined) return [];
  if (name === "exempt") {
    if (deepEqual({ ...spec, exempt: mandatory.exempt }, mandatory)) return [];
    const rule = `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`;
    return [field.invalid("spec", spec, rule)];
  }
  if (deepEqual(spec, mandatory)) return [];
  return [field.invalid("spec", spec, `spec of '${name}' must equal the fixed value`)];
}

function validateSpec(name: string, { type = "", limited, exempt }: PriorityLevelSpec): FieldError[] {
  const errors: FieldError[] = [];
  if ((name === "exempt") !== (type === "Exempt")) {
    errors.push(field.invalid("spec.type", type, "must be 'Exempt' if and only if `name` is 'exempt'"));
  }
  switch (type) {
    case "Exempt":
      if (limited !== undefined) {
        errors.push(field.forbidden("spec.limited", "must be nil if the type is not Limited"));
      }
      if (exempt !== undefined) errors.push(...validateExempt(exempt));
      break;
    case "Limited":
      if (exempt !== undefined) {
        errors.push(field.forbidden("spec.exempt", "must be nil if the type is Limited"));
      }
      if (limited === undefined) {
        errors.push(field.required("spec.limited", "must not be empty when type is Limited"));
      } else errors.push(...validateLimited(limited));
      break;
    default:
      errors.push(field.notSupported("spec.type", type, types));
  }
  return errors;
}

function validateShares(shares: number, path: string): FieldError[] {
  return shares >= 0 ? [] : [field.invalid(path, shares, "must be a non-negative integer")];
}

function validateLendable(percent: number, path: string): FieldError[] {
  if (percent >= 0 && percent <= 100) return [];
  return [field.invalid(path, percent, "must be between 0 and 100, inclusive")];
}

function validateExempt(exempt: NonNullable<PriorityLevelSpec["exempt"]>): FieldError[] {
  return [
    ...validateShares(exempt.nominalConcurrencyShares ?? 0, "spec.exempt.nominalConcurrencyShares"),
    ...validateLendable(exempt.lendablePercent ?? 0, "spec.exempt.lendablePercent"),
  ];
}

function validateLimited(limited: NonNullable<PriorityLevelSpec["limited"]>): FieldError[] {
  const { borrowingLimitPercent = 0, limitResponse = {} } = limited;
  const errors = [
    ...validateShares(limited.nominalConcurrencyShares ?? 0, "spec.limited.nominalConcurrencyShares"),
    ...validateLimitResponse(limitResponse, "spec.limited.limitResponse"),
    ...validateLendable(limited.lendablePercent ?? 0, "spec.limited.lendablePercent"),
  ];
  if (borrowingLimitPercent < 0) {
    const rule = "if specified, must be a non-negative integer";
    errors.push(field.invalid("spec.limited.borrowingLimitPercent", borrowingLimitPercent, rule));
  }
  return errors;
}

type LimitResponse = NonNullable<NonNullable<PriorityLevelSpec["limited"]>["limitResponse"]>;

function validateLimitResponse({ type = "", queuing }: LimitResponse, path: string): FieldError[] {
  const at = `${path}.queuing`;
  switch (type) {
    case "Reject":
      if (queuing === undefined) return [];
      return [field.forbidden(at, "must be nil if limited.limitResponse.type is not Limited")];
    case "Queue":
      if (queuing !== undefined) return validateQueuing(queuing, at);
      return [field.required(at, "must not be empty if limited.limitResponse.type is Limited")];
    default:
      return [field.notSupported(`${path}.type`, type, responses)];
  }
}

function validateQueuing(queuing: NonNullable<LimitResponse["queuing"]>, path: string): FieldError[] {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  const errors: FieldError[] = [];
  if (queueLengthLimit <= 0) {
    errors.push(field.invalid(`${path}.queueLengthLimit`, queueLengthLimit, "must be positive"));
  }
  if (queues <= 0) errors.push(field.invalid(`${path}.queues`, queues, "must be positive"));
  else if (queues > queuesMax) {
    errors.push(field.invalid(`${path}.queues`, queues, `must not be greater than ${queuesMax}`));
  }
  const handProblem = handSizeProblem(queues, handSize);
  if (handProblem !== undefined) errors.push(field.invalid(`${path}.handSize`, handSize, handProblem));
  return errors;
}

function handSizeProblem(queues: number, handSize: number): string | undefined {
  if (handSize <= 0) return "must be positive";
  if (handSize > queues) return `should not be greater than queues (${queues})`;
  const bits = Math.ceil(Math.log2(queues) * handSize);
  if (bits <= hashBitsMax) return undefined;
  return `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${hashBitsMax}`;
}
