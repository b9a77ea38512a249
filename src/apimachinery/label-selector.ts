import {
  aggregateMessages,
  type FieldError,
  fieldErrorText,
  forbidden,
  invalid,
  quoteGo,
  required,
} from "./field.ts";
import { parseSelectorText } from "./label-selector-parser.ts";
import { validateLabelKey, validateLabels } from "./meta.ts";
import { labelValueErrors, qualifiedNameErrors } from "./names.ts";
import { type Requirement, SelectorError, type SelectorOperator } from "./requirement.ts";

/** metav1.LabelSelector: the object form. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: LabelSelectorRequirement[];
}

export interface LabelSelectorRequirement {
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  values?: string[];
}

/** labels.Selector. */
export interface Selector {
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
  /** Selects everything. */
  readonly empty: boolean;
  readonly requirements: readonly Requirement[];
  toString(): string;
}

class RequirementSelector implements Selector {
  readonly requirements: readonly Requirement[];

  constructor(requirements: readonly Requirement[]) {
    this.requirements = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  get empty(): boolean {
    return this.requirements.length === 0;
  }

  matches(labels: Readonly<Record<string, string>> | undefined): boolean {
    for (const requirement of this.requirements) if (!meets(labels, requirement)) return false;
    return true;
  }

  toString(): string {
    return this.requirements.map(printRequirement).join(",");
  }
}

export const everything: Selector = new RequirementSelector([]);
export const nothing: Selector = { matches: () => false, empty: false, requirements: [], toString: () => "" };

function meets(labels: Readonly<Record<string, string>> | undefined, requirement: Requirement): boolean {
  const { key, operator, values } = requirement;
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "=":
    case "==":
    case "in":
      return value !== undefined && values.includes(value);
    case "!=":
    case "notin":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "gt":
    case "lt": {
      if (value === undefined) return false;
      const found = parseInt64(value);
      const bound = parseInt64(values[0] ?? "");
      if (found === undefined || bound === undefined) return false;
      return operator === "gt" ? found > bound : found < bound;
    }
  }
}

/** strconv.ParseInt(text, 10, 64). */
function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?\d{1,40}$/.test(text)) return undefined;
  const value = BigInt(text.replace("+", ""));
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function printRequirement({ key, operator, values }: Requirement): string {
  const sorted = [...values].sort().join(",");
  switch (operator) {
    case "!":
      return `!${key}`;
    case "exists":
      return key;
    case "in":
    case "notin":
      return `${key} ${operator} (${sorted})`;
    case "gt":
      return `${key}>${sorted}`;
    case "lt":
      return `${key}<${sorted}`;
    default:
      return `${key}${operator}${sorted}`;
  }
}

/** Upstream's NewRequirement without a path to print before `key` and `values`. @throws SelectorError */
function checkedRequirement(key: string, operator: SelectorOperator, values: readonly string[]): Requirement {
  const errors: FieldError[] = [];
  const keyErrors = qualifiedNameErrors(key);
  if (keyErrors.length > 0) errors.push(invalid("key", key, keyErrors.join("; ")));
  if ((operator === "in" || operator === "notin") && values.length === 0) {
    errors.push(invalid("values", values, "for 'in', 'notin' operators, values set can't be empty"));
  }
  if ((operator === "exists" || operator === "!") && values.length > 0) {
    errors.push(invalid("values", values, "values set must be empty for exists and does not exist"));
  }
  if (operator === "gt" || operator === "lt") {
    values.forEach((value, i) => {
      if (parseInt64(value) === undefined) {
        errors.push(invalid(`values[${i}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"));
      }
    });
  }
  values.forEach((value, i) => {
    const texts = labelValueErrors(value);
    if (texts.length > 0) errors.push(invalid(`values[${i}][${key}]`, value, texts.join("; ")));
  });
  if (errors.length > 0) throw new SelectorError(aggregateMessages(errors.map(fieldErrorText)));
  return { key, operator, values };
}

/** `a=b,c!=d,e in (f,g),!h,i`. @throws SelectorError */
export function parseLabelSelector(text: string): Selector {
  if (text === "") return everything;
  return new RequirementSelector(parseSelectorText(text, checkedRequirement));
}

/** Equality with every entry of a map, as a Service's or a ReplicationController's selector. An empty map selects everything. */
export function selectorFromMap(labels: Readonly<Record<string, string>> | undefined): Selector {
  return new RequirementSelector(
    Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: "=", values: [value] })),
  );
}

const operatorsOfObject: Readonly<Record<string, SelectorOperator>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
};

/** Object form to matcher: undefined or null selects nothing, an empty one everything. @throws SelectorError */
export function selectorFromObject(selector: LabelSelector | null | undefined): Selector {
  if (selector === null || selector === undefined) return nothing;
  const requirements: Requirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    requirements.push(checkedRequirement(key, "=", [value]));
  }
  for (const expression of selector.matchExpressions ?? []) {
    const operator = Object.hasOwn(operatorsOfObject, expression.operator)
      ? operatorsOfObject[expression.operator]
      : undefined;
    if (operator === undefined) {
      throw new SelectorError(`${quoteGo(expression.operator)} is not a valid label selector operator`);
    }
    requirements.push(checkedRequirement(expression.key, operator, expression.values ?? []));
  }
  return new RequirementSelector(requirements);
}

/** Object form as people write it in `kubectl -l` and Table cells: `app=web,tier in (a,b)`; `<none>` and `<error>` as upstream. */
export function formatLabelSelector(selector: LabelSelector | null | undefined): string {
  try {
    return selectorFromObject(selector).toString() || "<none>";
  } catch (error) {
    if (error instanceof SelectorError) return "<error>";
    throw error;
  }
}

/** The object form as a selector, undefined where it cannot be one. */
export function usableSelector(selector: LabelSelector | null | undefined): Selector | undefined {
  try {
    return selectorFromObject(selector);
  } catch (error) {
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}

/** As errors show a selector: Go's encoder leaves out what is empty. */
export function writtenSelector(selector: LabelSelector | null | undefined): object | null | undefined {
  if (!selector) return selector;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const written = ({ values = [], ...rest }: LabelSelectorRequirement): object =>
    values.length === 0 ? rest : { ...rest, values };
  return {
    ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
    ...(matchExpressions.length > 0 && { matchExpressions: matchExpressions.map(written) }),
  };
}

/** The object form checked as upstream's ValidateLabelSelector. */
export function validateLabelSelector(
  selector: LabelSelector | null | undefined,
  path: string,
): FieldError[] {
  if (selector === null || selector === undefined) return [];
  const expressions = selector.matchExpressions ?? [];
  return [
    ...validateLabels(selector.matchLabels, `${path}.matchLabels`),
    ...expressions.flatMap((each, i) => labelRequirementErrors(each, `${path}.matchExpressions[${i}]`)),
  ];
}

/** Whether it is one of those that a LabelSelectorRequirement may have. */
export function isRequirementOperator(text: string): boolean {
  return Object.hasOwn(operatorsOfObject, text);
}

/** Values are there where the operator asks for some, and only there. */
export function requirementValuesErrors(
  operator: string,
  values: readonly string[],
  path: string,
): FieldError[] {
  if ((operator === "In" || operator === "NotIn") && values.length === 0)
    return [required(path, "must be specified when `operator` is 'In' or 'NotIn'")];
  if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0)
    return [forbidden(path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  return [];
}

/** One requirement. `anyOperator`: operators that are not known are somebody else's to judge. */
export function labelRequirementErrors(
  { key, operator, values = [] }: LabelSelectorRequirement,
  at: string,
  { anyOperator = false } = {},
): FieldError[] {
  const errors = requirementValuesErrors(operator, values, `${at}.values`);
  if (!anyOperator && !isRequirementOperator(operator))
    errors.push(invalid(`${at}.operator`, operator, "not a valid selector operator"));
  errors.push(...validateLabelKey(key, `${at}.key`));
  values.forEach((value, j) => {
    for (const text of labelValueErrors(value)) errors.push(invalid(`${at}.values[${j}]`, value, text));
  });
  return errors;
}

/** A selector as Go prints it, in conditions, events and tables of upstream's. */
export function goLabelSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`)
    .join("");
  const expressions = matchExpressions
    .map(
      ({ key, operator, values = [] }) =>
        `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(" ")}],},`,
    )
    .join("");
  return `&LabelSelector{MatchLabels:map[string]string{${labels}},MatchExpressions:[]LabelSelectorRequirement{${expressions}},}`;
}
